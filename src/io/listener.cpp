#include "io/listener.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::io {

namespace {

constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);

std::string why(std::string_view what, wire::endpoint const& where) {
    int const number = errno;
    return "cannot " + std::string(what) + " " + where.text() + ": " +
           std::generic_category().message(number);
}

using failure = tl::unexpected<std::string>;

// Something answers there: then it is not stale.
bool is_alive(sockaddr_un const& address) {
    int const probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return true;
    bool const refused = ::connect(probe, reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0 &&
                         (errno == ECONNREFUSED || errno == ENOENT);
    ::close(probe);
    return !refused;
}

// Sets the mode and the group of its file.
tl::expected<void, std::string> give(wire::endpoint const& where, listen_options const& options) {
    if (::chmod(where.path.c_str(), options.unix_mode) < 0) return failure(why("set the mode of", where));
    if (options.unix_group.empty()) return {};
    group const* const found = ::getgrnam(options.unix_group.c_str());
    if (!found)
        return failure("cannot set the group of " + where.text() + ": no group " + options.unix_group);
    if (::chown(where.path.c_str(), static_cast<uid_t>(-1), found->gr_gid) < 0)
        return failure(why("set the group of", where));
    return {};
}

tl::expected<void, std::string> bind_unix(int descriptor, wire::endpoint const& where,
                                          listen_options const& options) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.path.copy(address.sun_path, sizeof address.sun_path - 1);
    struct stat in_the_way {};
    if (options.remove_stale && ::lstat(where.path.c_str(), &in_the_way) == 0 &&
        S_ISSOCK(in_the_way.st_mode)) {
        if (is_alive(address))
            return failure("cannot listen on " + where.text() +
                           ": another program listens there; stop it first");
        ::unlink(where.path.c_str());
    }
    if (::bind(descriptor, reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return failure(why("bind", where));
    auto given = give(where, options);
    if (!given) ::unlink(where.path.c_str());
    return given;
}

tl::expected<void, std::string> bind_inet(int descriptor, wire::endpoint const& where) {
    addrinfo hints{};
    hints.ai_family = where.family == wire::endpoint::kind::inet ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    int const failed = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(),
                                     std::to_string(where.port).c_str(), &hints, &found);
    if (failed != 0)
        return failure("cannot listen on " + where.text() + ": " + where.host + ": " +
                       ::gai_strerror(failed));
    int const on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (hints.ai_family == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    int const bound = ::bind(descriptor, found->ai_addr, found->ai_addrlen);
    int const number = errno;
    ::freeaddrinfo(found);
    errno = number;
    if (bound < 0) return failure(why("bind", where));
    return {};
}

int socket_family(wire::endpoint::kind kind) {
    switch (kind) {
    case wire::endpoint::kind::unix_socket:
        return AF_UNIX;
    case wire::endpoint::kind::inet:
        return AF_INET;
    case wire::endpoint::kind::inet6:
        return AF_INET6;
    }
    return AF_UNSPEC;
}

int family_of(int descriptor) {
    int domain = AF_UNSPEC;
    socklen_t size = sizeof domain;
    ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain;
}

} // namespace

tl::expected<int, std::string> open_listener(wire::endpoint const& where, listen_options const& options) {
    int const descriptor =
        ::socket(socket_family(where.family), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return failure(why("open a socket for", where));
    auto const bound = where.family == wire::endpoint::kind::unix_socket
                           ? bind_unix(descriptor, where, options)
                           : bind_inet(descriptor, where);
    if (!bound) {
        ::close(descriptor);
        return failure(bound.error());
    }
    if (::listen(descriptor, options.backlog) < 0) {
        auto text = why("listen on", where);
        ::close(descriptor);
        return failure(std::move(text));
    }
    return descriptor;
}

std::uint16_t bound_port(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) < 0) return 0;
    if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in const*>(&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(reinterpret_cast<sockaddr_in6 const*>(&address)->sin6_port);
    return 0;
}

listener::listener(asio::io_context& context, int descriptor, on_accept accepted, on_trouble trouble)
    : context_(context), descriptor_(context, descriptor), pause_(context), accepted_(std::move(accepted)),
      trouble_(std::move(trouble)) {}

void listener::share_places(std::function<bool()> take, std::function<void()> give_back) {
    take_place_ = std::move(take);
    give_place_back_ = std::move(give_back);
}

void listener::start() {
    wait();
}

void listener::stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    pause_.cancel();
}

void listener::pause() {
    paused_ = true;
}

void listener::resume() {
    if (!paused_ || stopped_) return;
    paused_ = false;
    if (!waiting_) accept_all();
}

void listener::wait() {
    waiting_ = true;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, alive = std::weak_ptr(alive_)](boost::system::error_code ec) {
                               if (alive.lock()) woken(ec);
                           });
}

void listener::wait_for_descriptors() {
    waiting_ = true;
    pause_.expires_after(pause_without_descriptors);
    pause_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code ec) {
        if (alive.lock()) woken(ec);
    });
}

void listener::woken(boost::system::error_code ec) {
    waiting_ = false;
    if (!ec && !stopped_ && !paused_) accept_all();
}

// -1 with errno when there is nobody, or no descriptor.
int listener::accept_one() {
    for (;;) {
        int const peer =
            ::accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0 || (errno != EINTR && errno != ECONNABORTED)) return peer;
    }
}

void listener::accept_all() {
    std::weak_ptr const alive(alive_);
    for (;;) {
        if (take_place_ && !take_place_()) return pause();
        int const peer = accept_one();
        if (peer >= 0) {
            accepted_(stream_socket(context_, {family_of(peer), 0}, peer));
            if (!alive.lock() || stopped_ || paused_ || waiting_) return;
            continue;
        }
        int const number = errno;
        if (give_place_back_) give_place_back_();
        if (number == EAGAIN) return wait();
        trouble_(std::generic_category().message(number));
        if (alive.lock() && !stopped_) wait_for_descriptors();
        return;
    }
}

} // namespace milter::io
