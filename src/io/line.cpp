#include "io/line.hpp"

#include "io/without_delay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::io {

namespace {

// What all lines of a thread read into: one that waits has none, but inside a packet. A whole piece of body
// fits, and more.
constexpr std::size_t shared_size = 128 * 1024;
constexpr std::size_t read_size = 32 * 1024; // at least; a quarter, or the reader takes it for much too large
constexpr std::size_t most_spare = 8;
thread_local std::vector<std::vector<char>> spare;

std::vector<char> take_buffer() {
    if (spare.empty()) return std::vector<char>(shared_size);
    auto buffer = std::move(spare.back());
    spare.pop_back();
    return buffer;
}

void keep_buffer(std::vector<char> buffer) {
    bool const fits = buffer.size() >= shared_size && buffer.size() <= 4 * shared_size;
    if (fits && spare.size() < most_spare) spare.push_back(std::move(buffer));
}
// A queue that grew beyond this gives its memory back when it is empty.
constexpr std::size_t queue_kept = 16 * 1024;
constexpr std::chrono::milliseconds full_queue_pause{10};

std::string errno_text(int number) {
    return std::generic_category().message(number);
}

} // namespace

std::string_view describe(lost why) {
    switch (why) {
    case lost::closed:
        return "closed the connection";
    case lost::cut:
        return "closed the connection inside a packet";
    case lost::reset:
        return "connection broken";
    case lost::garbage:
        return "does not speak the milter protocol";
    case lost::no_connection:
        return "cannot connect";
    }
    return "lost";
}

line::line(asio::io_context& context, line_user& user, std::size_t max_payload)
    : context_(context), ready_(readiness::of(context)), user_(&user), reader_(max_payload) {}

line::~line() {
    close();
}

void line::attach(descriptor socket) {
    socket_ = std::move(socket);
    begin();
}

void line::begin() {
    if (watched_)
        ready_.change(socket_.number(), *this, writing_);
    else if (!(watched_ = ready_.add(socket_.number(), *this, writing_)))
        asio::post(context_, [self = shared_from_this(), number = errno] {
            if (self->user_) self->fail(lost::reset, errno_text(number));
        });
}

void line::on_ready(readiness::news const& what) {
    auto const self = shared_from_this(); // a callback may give up the last one
    if (!connecting_to_.empty()) {
        if (!what.writable) return;
        int failed = 0;
        socklen_t size = sizeof failed;
        ::getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &failed, &size);
        return connected(std::exchange(connecting_to_, {}), failed);
    }
    peer_is_gone_ |= what.over;
    if (writing_ && what.writable) {
        writing_ = false;
        flush();
        if (user_ && !writing_) {
            ready_.change(socket_.number(), *this, false);
            if (unsent() == 0) user_->on_drained(*this);
        }
    }
    if (user_ && what.readable) read_some();
}

void line::connect(wire::endpoint const& where) {
    if (where.family == wire::endpoint::kind::unix_socket) return connect_unix(where);
    if (where.family == wire::endpoint::kind::inet) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(where.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (where.host.empty() || ::inet_pton(AF_INET, where.host.c_str(), &address.sin_addr) == 1) {
            start(where, &address, sizeof address);
            return;
        }
    } else {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(where.port);
        address.sin6_addr = in6addr_loopback;
        if (where.host.empty() || ::inet_pton(AF_INET6, where.host.c_str(), &address.sin6_addr) == 1) {
            start(where, &address, sizeof address);
            return;
        }
    }
    resolve(where);
}

void line::resolve(wire::endpoint const& where) {
    auto const resolver = std::make_shared<asio::ip::tcp::resolver>(context_);
    auto const family =
        where.family == wire::endpoint::kind::inet ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
    resolver->async_resolve(
        family, where.host, std::to_string(where.port),
        [self = shared_from_this(), resolver, where](boost::system::error_code ec, auto const& found) {
            if (!self->user_) return;
            if (ec || found.empty()) {
                self->fail(lost::no_connection, where.host + ": " + ec.message());
                return;
            }
            auto const first = found.begin()->endpoint();
            self->start(where, first.data(), first.size());
        });
}

void line::start(wire::endpoint const& where, void const* address, std::size_t size) {
    auto const* const to = static_cast<sockaddr const*>(address);
    socket_ = descriptor(::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int failed = socket_ ? 0 : errno;
    without_delay(socket_.number());
    if (socket_ && ::connect(socket_.number(), to, static_cast<socklen_t>(size)) < 0) failed = errno;
    if (failed == EINPROGRESS) {
        connecting_to_ = where.text();
        watched_ = ready_.add(socket_.number(), *this, true);
        if (watched_) return;
        failed = errno;
        connecting_to_.clear();
    }
    // Asynchronously, so that connect() never calls back from inside.
    asio::post(context_,
               [self = shared_from_this(), text = where.text(), failed] { self->connected(text, failed); });
}

// Such a socket connects at once or not at all; with a full queue (EAGAIN) it is not in progress.
void line::connect_unix(wire::endpoint const& where) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (!socket_) socket_ = descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int failed = socket_ ? 0 : errno;
    if (socket_ &&
        ::connect(socket_.number(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        failed = errno;
    if (failed == EAGAIN) {
        auto const timer = std::make_shared<asio::steady_timer>(context_, full_queue_pause);
        timer->async_wait([self = shared_from_this(), timer, where](boost::system::error_code) {
            if (self->user_) self->connect_unix(where);
        });
        return;
    }
    // Asynchronously, so that connect() never calls back from inside.
    asio::post(context_,
               [self = shared_from_this(), text = where.text(), failed] { self->connected(text, failed); });
}

void line::connected(std::string const& where, int failed) {
    if (!user_) return;
    if (failed != 0) return fail(lost::no_connection, where + ": " + errno_text(failed));
    begin();
    user_->on_connected(*this);
}

bool line::is_silent() {
    char byte = 0;
    if (!user_ || reader_.in_frame()) return false;
    auto const n = ::recv(socket_.number(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n < 0 && errno == EAGAIN;
}

void line::send(std::string_view bytes) {
    if (user_) out_ += bytes;
}

void line::send_through(std::string_view bytes) {
    if (!user_) return;
    if (!writing_) {
        std::array<iovec, 2> parts{
            {{out_.data() + sent_, unsent()}, {const_cast<char*>(bytes.data()), bytes.size()}}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        auto const n = ::sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        auto const written = n > 0 ? static_cast<std::size_t>(n) : 0;
        auto const queued = std::min(written, unsent());
        sent_ += queued;
        bytes.remove_prefix(written - queued);
    }
    out_ += bytes;
    if (unsent() == 0) forget_sent();
}

std::size_t line::send_file(int file, std::uint64_t offset, std::size_t size) {
    flush();
    if (!user_ || unsent() > 0) return 0;
    auto at = static_cast<off_t>(offset);
    std::size_t sent = 0;
    while (sent < size) {
        auto const n = ::sendfile(socket_.number(), file, &at, size - sent);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break; // what is left is queued by the caller, and tells more
        sent += static_cast<std::size_t>(n);
    }
    return sent;
}

void line::flush() {
    if (!user_ || writing_) return;
    while (sent_ < out_.size()) {
        auto const n =
            ::send(socket_.number(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent_ += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            wait_to_write();
            return;
        } else if (errno != EINTR) {
            // The reader is told next, with what the peer said before it went.
            return;
        }
    }
    forget_sent();
}

void line::forget_sent() {
    sent_ = 0;
    out_.clear();
    if (out_.capacity() > queue_kept) out_.shrink_to_fit();
}

void line::wait_to_write() {
    writing_ = true;
    ready_.change(socket_.number(), *this, true);
}

// The others of the thread come first.
void line::read_later() {
    asio::post(context_, [self = shared_from_this()] {
        if (self->user_) self->read_some();
    });
}

void line::read_some() {
    if (reader_.capacity() < shared_size) reader_.use(take_buffer());
    bool const more = read_into();
    keep_buffer(reader_.give_back());
    if (more) read_later();
}

// True: there is more, or may be, and nobody will tell.
bool line::read_into() {
    auto const room = reader_.space(read_size);
    auto const n = ::recv(socket_.number(), room.data(), room.size(), MSG_DONTWAIT);
    if (n > 0) {
        reader_.filled(static_cast<std::size_t>(n));
        return deliver() && (static_cast<std::size_t>(n) == room.size() || peer_is_gone_);
    }
    if (n < 0 && errno == EINTR) return true;
    if (n < 0 && errno == EAGAIN) return false;
    if (n == 0)
        fail(reader_.in_frame() ? lost::cut : lost::closed, "");
    else
        fail(lost::reset, errno_text(errno));
    return false;
}

// False when the line is closed by then.
bool line::deliver() {
    for (;;) {
        auto const next = reader_.next();
        if (!next) {
            fail(lost::garbage, std::string(wire::describe(next.error())));
            return false;
        }
        if (!*next) break;
        user_->on_frame(*this, **next);
        if (!user_) return false;
    }
    user_->on_frames_done(*this);
    return user_ != nullptr;
}

void line::fail(lost why, std::string detail) {
    auto* const user = user_;
    close();
    if (user) user->on_lost(*this, why, detail);
}

void line::close() {
    flush();
    discard();
}

void line::discard() {
    if (!user_) return;
    user_ = nullptr;
    if (std::exchange(watched_, false)) ready_.remove(socket_.number(), *this);
    socket_.close();
}

} // namespace milter::io
