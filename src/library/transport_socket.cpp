#include "library/transport.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::library {

namespace {

using clock = std::chrono::steady_clock;
using failure = tl::unexpected<std::string>;

failure system_failure(std::string const& what, int number) {
    return failure(what + ": " + std::strerror(number));
}

class on_socket final : public transport {
public:
    on_socket(int descriptor, std::chrono::milliseconds timeout)
        : descriptor_(descriptor), timeout_(timeout), reader_(largest_answer) {}
    on_socket(on_socket const&) = delete;
    on_socket& operator=(on_socket const&) = delete;
    ~on_socket() override { ::close(descriptor_); }

    tl::expected<void, std::string> connect(sockaddr const* address, socklen_t size) {
        if (::connect(descriptor_, address, size) == 0) return {};
        // EAGAIN: the queue of a unix socket is full.
        if (errno != EINPROGRESS) return system_failure("cannot connect", errno);
        if (auto const ready = wait(POLLOUT, clock::now() + timeout_); !ready) return ready;
        int number = 0;
        socklen_t length = sizeof number;
        ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &number, &length);
        if (number != 0) return system_failure("cannot connect", number);
        return {};
    }

    tl::expected<void, std::string> send(std::string_view bytes) override {
        auto const end = clock::now() + timeout_;
        while (!bytes.empty()) {
            auto const sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0)
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno == EAGAIN) {
                if (auto const ready = wait(POLLOUT, end); !ready) return ready;
            } else if (errno != EINTR)
                return system_failure("cannot write", errno);
        }
        return {};
    }

    tl::expected<packet, std::string> receive() override {
        auto const end = clock::now() + timeout_;
        while (true) {
            auto const next = reader_.next();
            if (!next) return failure(std::string(wire::describe(next.error())));
            if (*next) return packet{(*next)->code, std::string((*next)->payload)};
            auto const space = reader_.space(4096);
            auto const got = ::recv(descriptor_, space.data(), space.size(), 0);
            if (got == 0) return failure("the milter closed the connection");
            if (got > 0)
                reader_.filled(static_cast<std::size_t>(got));
            else if (errno == EAGAIN) {
                if (auto const ready = wait(POLLIN, end); !ready) return failure(ready.error());
            } else if (errno != EINTR)
                return system_failure("cannot read", errno);
        }
    }

private:
    tl::expected<void, std::string> wait(short what, clock::time_point end) {
        while (true) {
            auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now()).count();
            if (left <= 0) return failure("the time-out is over");
            pollfd one{descriptor_, what, 0};
            int const ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, 3'600'000)));
            if (ready > 0) return {};
            if (ready < 0 && errno != EINTR) return system_failure("cannot wait", errno);
        }
    }

    int descriptor_;
    std::chrono::milliseconds timeout_;
    wire::frame_reader reader_;
};

tl::expected<std::unique_ptr<transport>, std::string>
connected(int family, sockaddr const* address, socklen_t size, std::chrono::milliseconds timeout) {
    int const descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return system_failure("cannot open a socket", errno);
    auto one = std::make_unique<on_socket>(descriptor, timeout);
    if (auto const done = one->connect(address, size); !done) return failure(done.error());
    return one;
}

} // namespace

tl::expected<std::unique_ptr<transport>, std::string> connect_to(wire::endpoint const& where,
                                                                 std::chrono::milliseconds timeout) {
    tl::expected<std::unique_ptr<transport>, std::string> result = failure("no address");
    if (where.family == wire::endpoint::kind::unix_socket) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        where.path.copy(address.sun_path, sizeof address.sun_path - 1);
        result = connected(AF_UNIX, reinterpret_cast<sockaddr const*>(&address), sizeof address, timeout);
    } else {
        addrinfo hints{};
        hints.ai_family = where.family == wire::endpoint::kind::inet6 ? AF_INET6 : AF_INET;
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        auto const port = std::to_string(where.port);
        int const wrong =
            ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(), &hints, &found);
        if (wrong != 0) return failure(where.unresolved(::gai_strerror(wrong)));
        for (auto const* one = found; one && !result; one = one->ai_next)
            result = connected(one->ai_family, one->ai_addr, one->ai_addrlen, timeout);
        ::freeaddrinfo(found);
    }
    if (!result) return failure(where.text() + ": " + result.error());
    return result;
}

} // namespace milter::library
