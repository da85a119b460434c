#include "support/socket_peer.hpp"

#include "support/words.hpp"

#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::test {

namespace {

sockaddr_un address_of(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

} // namespace

socket_peer::socket_peer(std::string name, bool is_mta) : name_(std::move(name)), is_mta_(is_mta) {}

socket_peer::~socket_peer() {
    close();
    if (listening_ >= 0) ::close(listening_);
}

bool socket_peer::listen(std::string const& path) {
    auto const address = address_of(path);
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::bind(listening_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 &&
           ::listen(listening_, 8) == 0;
}

bool socket_peer::accept(std::chrono::milliseconds patience) {
    close();
    if (listening_ < 0 || !wait(listening_, patience)) return false;
    socket_ = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    at_end_ = false;
    return socket_ >= 0;
}

bool socket_peer::connect(std::string const& path) {
    auto const address = address_of(path);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(socket_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0) return true;
    close();
    return false;
}

bool socket_peer::write(std::string_view bytes) {
    while (!bytes.empty()) {
        auto const n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

void socket_peer::close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    reader_ = wire::frame_reader(std::size_t{1} << 27);
}

bool socket_peer::wait(int descriptor, std::chrono::milliseconds patience) const {
    pollfd one{descriptor, POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(patience.count())) > 0;
}

bool socket_peer::read_more(std::chrono::milliseconds patience) {
    if (socket_ < 0 || at_end_ || !wait(socket_, patience)) return false;
    auto const room = reader_.space(64 * 1024);
    auto const n = ::recv(socket_, room.data(), room.size(), 0);
    if (n > 0) reader_.filled(static_cast<std::size_t>(n));
    at_end_ = n <= 0;
    return n > 0;
}

std::string socket_peer::next(std::chrono::milliseconds patience) {
    for (;;) {
        auto const packet = reader_.next();
        if (!packet) return "(garbage)";
        if (*packet) return is_mta_ ? words_of_reply(**packet) : words_of_command(**packet);
        if (!read_more(patience)) return at_end_ ? "(closed)" : "(nothing)";
    }
}

bool socket_peer::ends(std::chrono::milliseconds patience) {
    bool const ended = next(patience) == "(closed)";
    if (ended) close();
    return ended;
}

std::string socket_peer::surplus() {
    if (socket_ < 0) return "";
    auto const words = next(std::chrono::milliseconds(0));
    return words.starts_with('(') ? "" : words;
}

} // namespace milter::test
