#include "daemon/predecessor.hpp"

#include "daemon/handover_message.hpp"

#include <cerrno>
#include <charconv>
#include <ctime>
#include <system_error>
#include <utility>

#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

using kind = handover_message::kind;

constexpr time_t patience_s = 30;

// Whose sockets may be taken, besides root's: those of the user that this process is, or will be.
uid_t user_of(config::snapshot const& configuration) {
    if (::geteuid() != 0) return ::geteuid();
    auto const name = configuration.fixed.effective_user.value_or("nobody");
    uid_t number = 0;
    auto const [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (wrong == std::errc{} && end == name.data() + name.size()) return number;
    passwd const* const entry = ::getpwnam(name.c_str());
    return entry != nullptr ? entry->pw_uid : 0;
}

tl::expected<io::descriptor, std::string> connect_to(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    io::descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    timeval const patience{patience_s, 0};
    ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(socket.number(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0)
        return socket;
    return tl::unexpected("no running milter-manager answers at " + path + " (" +
                          std::generic_category().message(errno) +
                          "); without --replace this one starts on its own");
}

} // namespace

tl::expected<predecessor, std::string> predecessor::of(config::snapshot const& configuration,
                                                       inherited_sockets& to) {
    auto const path = handover_path(configuration);
    if (!path) return tl::unexpected(path.error());
    auto connection = connect_to(*path);
    if (!connection) return tl::unexpected(std::move(connection.error()));
    if (!is_of(connection->number(), user_of(configuration)))
        return tl::unexpected("who answers at " + *path +
                              " is neither root nor security.effective_user: nothing is taken from there");
    handover_message wish;
    wish.what = kind::want;
    send_message(connection->number(), wish);
    auto given = receive_message(connection->number());
    if (!given) return tl::unexpected("the running milter-manager at " + *path + ": " + given.error());
    if (given->what != kind::sockets)
        return tl::unexpected("the running milter-manager refuses: " + given->error);
    for (std::size_t i = 0; i < given->sockets.size(); ++i) {
        auto& one = given->sockets[i];
        to.add(std::move(one.name),
               {std::move(one.where), std::move(given->came[i]), origin::predecessor, one.file_is_ours});
    }
    return predecessor(std::move(*connection));
}

tl::expected<void, std::string> predecessor::leave(std::vector<std::string> names) {
    handover_message word;
    word.what = kind::serving;
    word.names = std::move(names);
    word.pid = ::getpid();
    if (!send_message(connection_.number(), word)) return {};
    auto const answer = receive_message(connection_.number());
    connection_.close();
    if (answer && answer->what == kind::error) return tl::unexpected(answer->error);
    return {};
}

} // namespace milter::daemon
