#include "tools/controller/connection.hpp"

#include "io/descriptor.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace milter::tools::controller {

namespace {

constexpr std::size_t longest_answer = std::size_t{64} << 20; // bytes

using failure = tl::unexpected<std::string>;

std::string_view advice(int number) {
    switch (number) {
    case ENOENT:
        return "; does milter-manager run, and does its configuration set controller.connection_spec to this "
               "place?";
    case ECONNREFUSED:
        return "; milter-manager does not run, or its controller.connection_spec is another place";
    case EACCES:
    case EPERM:
        return "; only its owner and the group controller.unix_socket_group may connect";
    default:
        return "";
    }
}

failure cannot_reach(wire::endpoint const& where, int number) {
    return failure(fmt::format("cannot reach {}: {}{}", where.text(), std::generic_category().message(number),
                               advice(number)));
}

// A connected socket, or errno.
tl::expected<io::descriptor, int> connected(int family, sockaddr const* address, socklen_t size,
                                            std::chrono::milliseconds patience) {
    io::descriptor made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!made) return tl::unexpected(errno);
    auto const whole = std::chrono::duration_cast<std::chrono::seconds>(patience);
    timeval const most{whole.count(), std::chrono::microseconds(patience - whole).count()};
    ::setsockopt(made.number(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    ::setsockopt(made.number(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    if (::connect(made.number(), address, size) == 0) return made;
    return tl::unexpected(errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno);
}

tl::expected<io::descriptor, std::string> connect(wire::endpoint const& where,
                                                  std::chrono::milliseconds patience) {
    if (where.family == wire::endpoint::kind::unix_socket) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        where.path.copy(address.sun_path, sizeof address.sun_path - 1);
        auto made = connected(AF_UNIX, reinterpret_cast<sockaddr const*>(&address), sizeof address, patience);
        if (!made) return cannot_reach(where, made.error());
        return std::move(*made);
    }
    addrinfo hints{};
    hints.ai_family = where.family == wire::endpoint::kind::inet ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    int const failed = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(),
                                     std::to_string(where.port).c_str(), &hints, &found);
    if (failed != 0) return failure(fmt::format("cannot reach {}: {}", where.text(), ::gai_strerror(failed)));
    int number = 0;
    for (auto const* one = found; one; one = one->ai_next) {
        auto made = connected(one->ai_family, one->ai_addr, one->ai_addrlen, patience);
        if (made) {
            ::freeaddrinfo(found);
            return std::move(*made);
        }
        number = made.error();
    }
    ::freeaddrinfo(found);
    return cannot_reach(where, number);
}

// -1 and errno, 0 at the end.
template <class Call>
ssize_t patiently(Call call) {
    for (;;)
        if (auto const size = call(); size >= 0 || errno != EINTR) return size;
}

std::string no_answer(int number) {
    if (number == EAGAIN) return "no answer in time; --timeout gives it more";
    return "no answer: " + std::generic_category().message(number);
}

} // namespace

tl::expected<std::string, std::string> ask(wire::endpoint const& where, std::string const& line,
                                           std::chrono::milliseconds patience) {
    auto const to = connect(where, patience);
    if (!to) return failure(to.error());
    auto const text = line + "\n";
    for (std::string_view rest = text; !rest.empty();) {
        auto const size =
            patiently([&] { return ::send(to->number(), rest.data(), rest.size(), MSG_NOSIGNAL); });
        if (size < 0) break; // what it has said before it closed is read
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
    std::string answer;
    std::array<char, 16'384> piece{};
    for (;;) {
        auto const size = patiently([&] { return ::recv(to->number(), piece.data(), piece.size(), 0); });
        if (size < 0) return failure(no_answer(errno));
        if (size == 0) return failure("no answer: it closed the connection; is this milter-manager?");
        std::string_view const got(piece.data(), static_cast<std::size_t>(size));
        auto const end = got.find('\n');
        answer += got.substr(0, end);
        if (end != std::string_view::npos) return answer;
        if (answer.size() > longest_answer)
            return failure("an answer without an end; is this milter-manager?");
    }
}

} // namespace milter::tools::controller
