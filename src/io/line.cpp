#include "io/line.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::io {

namespace {

constexpr std::size_t read_size = 16 * 1024;
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
    : context_(context), socket_(context), user_(&user), reader_(max_payload) {}

line::~line() {
    close();
}

void line::attach(stream_socket socket) {
    socket_ = std::move(socket);
    begin();
}

void line::begin() {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    int const on = 1; // fails for unix sockets, which have no such delay
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wait_to_read();
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
    asio::generic::stream_protocol::endpoint const to(address, size);
    int const family = static_cast<sockaddr const*>(address)->sa_family;
    boost::system::error_code ec;
    socket_.open({family, 0}, ec);
    if (ec) {
        // Asynchronously, so that connect() never calls back from inside.
        asio::post(context_, [self = shared_from_this(), ec] {
            if (self->user_) self->fail(lost::no_connection, errno_text(ec.value()));
        });
        return;
    }
    socket_.async_connect(to,
                          [self = shared_from_this(), text = where.text()](boost::system::error_code failed) {
                              self->connected(text, failed.value());
                          });
}

// Such a socket connects at once or not at all. Asio would take a full queue (EAGAIN) for a connection in
// progress, and the socket, writable from the start, for a connected one.
void line::connect_unix(wire::endpoint const& where) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.path.copy(address.sun_path, sizeof address.sun_path - 1);
    boost::system::error_code ec;
    if (!socket_.is_open()) socket_.open({AF_UNIX, 0}, ec);
    if (!ec) socket_.non_blocking(true, ec);
    int failed = ec.value();
    if (!ec &&
        ::connect(socket_.native_handle(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
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
    auto const n = ::recv(socket_.native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n < 0 && errno == EAGAIN;
}

void line::send(std::string_view bytes) {
    if (user_) out_ += bytes;
}

void line::flush() {
    if (!user_ || writing_) return;
    while (sent_ < out_.size()) {
        auto const n = ::send(socket_.native_handle(), out_.data() + sent_, out_.size() - sent_,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
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
    sent_ = 0;
    out_.clear();
    if (out_.capacity() > queue_kept) out_.shrink_to_fit();
}

void line::wait_to_write() {
    writing_ = true;
    socket_.async_wait(stream_socket::wait_write, [self = shared_from_this()](boost::system::error_code ec) {
        self->writing_ = false;
        if (ec || !self->user_) return;
        self->flush();
        if (self->user_ && !self->writing_ && self->unsent() == 0) self->user_->on_drained(*self);
    });
}

void line::wait_to_read() {
    socket_.async_wait(stream_socket::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
        if (!self->user_) return;
        if (ec)
            self->fail(lost::reset, ec.message());
        else
            self->read_some();
    });
}

void line::read_some() {
    auto const room = reader_.space(read_size);
    auto const n = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    if (n > 0) {
        reader_.filled(static_cast<std::size_t>(n));
        if (deliver()) wait_to_read();
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_to_read();
        return;
    }
    if (n == 0)
        fail(reader_.in_frame() ? lost::cut : lost::closed, "");
    else
        fail(lost::reset, errno_text(errno));
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
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace milter::io
