#include "io/listener.hpp"

#include "io/readiness.hpp"
#include "io/without_delay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <grp.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::io {

namespace {

constexpr auto shortest_pause = std::chrono::milliseconds(100);
// For handshakes that are under way when newcomers are no longer let in.
constexpr auto handshakes_end_within = std::chrono::milliseconds(200);

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

// The mode that bind() gives its file, less the umask: never wider open than in the end. Unlike a umask of
// our own, which is the whole process's, this concerns nobody else; unlike a rename, no second path has to
// fit.
void prepare_mode(int descriptor, listen_options const& options) {
    constexpr std::uint32_t of_the_group = 0070;
    bool const other_group = !options.unix_group.empty(); // than the one that it is created with
    ::fchmod(descriptor, options.unix_mode & ~(other_group ? of_the_group : 0));
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
    prepare_mode(descriptor, options);
    if (::bind(descriptor, reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return failure(why("bind", where));
    auto given = set_unix_access(where, options);
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

// A TCP handshake that ends between the last accept() and close() is a client that was let in and gets a
// reset. So segments with SYN are dropped first: who sends them tries again, and is refused.
void keep_newcomers_away(int descriptor) {
    constexpr unsigned flags_byte = 13, syn = 0x02, whole_segment = 0xFFFFFFFF;
    std::array<sock_filter, 4> code{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_byte),
                                     BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, whole_segment)}};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
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

// The whole mode last: until then nobody may use it who may not in the end.
tl::expected<void, std::string> set_unix_access(wire::endpoint const& where, listen_options const& options) {
    if (!options.unix_group.empty()) {
        group const* const found = ::getgrnam(options.unix_group.c_str());
        if (!found)
            return failure("cannot set the group of " + where.text() + ": no group " + options.unix_group);
        if (::chown(where.path.c_str(), static_cast<uid_t>(-1), found->gr_gid) < 0)
            return failure(why("set the group of", where));
    }
    if (::chmod(where.path.c_str(), options.unix_mode) < 0) return failure(why("set the mode of", where));
    return {};
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

stream_socket stream_of(asio::io_context& context, descriptor connection) {
    int const family = family_of(connection.number());
    return stream_socket(context, {family, 0}, connection.release());
}

listener::listener(asio::io_context& context, int descriptor, on_accept accepted, on_trouble trouble)
    : descriptor_(context, descriptor), family_(family_of(descriptor)), pause_(context), retirement_(context),
      accepted_(std::move(accepted)), trouble_(std::move(trouble)) {
    readiness::of(context); // of those who will be accepted: its descriptor is there from the start
}

listener::~listener() {
    close();
}

void listener::share_places(places of) {
    places_ = std::move(of);
}

void listener::start() {
    wait();
}

void listener::stop() {
    stopped_ = true;
    close();
    pause_.cancel();
    retirement_.cancel();
}

void listener::take_who_waits_and_stop() {
    if (stopped_) return;
    retired_ = [] {};
    retirement_.cancel();
    last_call();
    stop();
}

// The socket may live on, in another worker or process: without release() the kernel would go on telling this
// context about its clients.
void listener::close() {
    if (descriptor_.is_open()) ::close(descriptor_.release());
}

void listener::retire(std::function<void()> done) {
    retired_ = std::move(done);
    if (family_ != AF_UNIX) keep_newcomers_away(descriptor_.native_handle());
    retirement_.expires_after(handshakes_end_within);
    retirement_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code ec) {
        if (alive.lock() && !ec && !stopped_) last_call();
    });
}

void listener::last_call() {
    ends_when_empty_ = true;
    waiting_ = false; // that wait has lost its purpose
    if (!paused_) accept_all();
}

// Nobody waits, and nobody will.
bool listener::is_over() {
    if (!ends_when_empty_) return false;
    stop();
    std::exchange(retired_, nullptr)();
    return true;
}

void listener::pause() {
    paused_ = true;
}

void listener::resume() {
    if (!paused_ || stopped_) return;
    paused_ = false;
    pause_.cancel();
    if (waiting_ && !ends_when_empty_) return;
    waiting_ = false;
    accept_all();
}

bool listener::somebody_waits() {
    pollfd one{descriptor_.native_handle(), POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

// Goes on with resume(). Until then it is only said that a client has come.
void listener::no_place() {
    pause();
    if (somebody_waits())
        places_.waits();
    else
        wait();
}

void listener::wait() {
    waiting_ = true;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, alive = std::weak_ptr(alive_)](boost::system::error_code ec) {
                               if (alive.lock()) woken(ec);
                           });
}

void listener::wait_for_descriptors() {
    pause();
    pause_.expires_after(std::max(longest_pause_, shortest_pause));
    pause_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code ec) {
        if (alive.lock() && !ec) resume();
    });
}

void listener::woken(boost::system::error_code ec) {
    waiting_ = false;
    if (ec || stopped_) return;
    if (!paused_)
        accept_all();
    else if (places_.waits)
        places_.waits();
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
        if (places_.take && !places_.take()) return no_place();
        int const peer = accept_one();
        if (peer >= 0) {
            if (family_ != AF_UNIX) without_delay(peer);
            accepted_(descriptor(peer));
            if (!alive.lock() || stopped_ || paused_ || waiting_) return;
            continue;
        }
        int const number = errno;
        if (places_.give_back) places_.give_back();
        if (number == EAGAIN) return is_over() ? void() : wait();
        trouble_(std::generic_category().message(number));
        if (alive.lock() && !stopped_) wait_for_descriptors();
        return;
    }
}

} // namespace milter::io
