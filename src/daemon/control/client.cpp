#include "daemon/control/client.hpp"

#include <utility>

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace milter::daemon::control {

namespace {

asker peer_of(io::stream_socket& socket) {
    asker who;
    ucred peer{};
    socklen_t size = sizeof peer;
    boost::system::error_code ec;
    auto const remote = socket.remote_endpoint(ec);
    int const family = ec ? AF_UNSPEC : remote.data()->sa_family;
    if (family == AF_INET || family == AF_INET6) {
        boost::asio::ip::tcp::endpoint address;
        address.resize(remote.size());
        std::copy_n(reinterpret_cast<char const*>(remote.data()), remote.size(),
                    reinterpret_cast<char*>(address.data()));
        who.endpoint = (family == AF_INET ? "inet:" : "inet6:") + std::to_string(address.port()) + "@[" +
                       address.address().to_string() + "]";
    } else if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        who.user = std::to_string(peer.uid);
        who.pid = std::to_string(peer.pid);
    }
    return who;
}

} // namespace

client::client(server& of, io::stream_socket from)
    : of_(&of), socket_(std::move(from)), patience_(socket_.get_executor()), who_(peer_of(socket_)) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
}

void client::start() {
    wait_at_most(of_->limits_.idle);
    read();
}

void client::wait_at_most(std::chrono::milliseconds time) {
    patience_.expires_after(time);
    patience_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec) self->end();
    });
}

void client::read() {
    socket_.async_read_some(boost::asio::buffer(buffer_),
                            [self = shared_from_this()](boost::system::error_code ec, std::size_t size) {
                                if (!self->of_) return;
                                if (ec) return self->end();
                                self->requests_.add({self->buffer_.data(), size});
                                self->go_on();
                            });
}

void client::go_on() {
    auto found = requests_.next();
    if (!found) return read();
    if (*found) return carry_out(std::move(**found));
    auto const& wrong = found->error();
    write(encode(requests_.speaks(), wrong), wrong.closes);
}

void client::carry_out(request what) {
    busy_ = true;
    patience_.cancel();
    of_->heard(*this);
    auto const seen = std::make_shared<request>(what);
    of_->perform_(std::move(what), who_, [self = shared_from_this(), seen](answer says) {
        if (!self->of_ || !std::exchange(self->busy_, false)) return;
        self->write(encode(self->requests_.speaks(), *seen, std::move(says)), false);
    });
}

void client::write(std::string bytes, bool last) {
    if (bytes.empty() && last) return end();
    answer_ = std::move(bytes);
    wait_at_most(of_->limits_.writing);
    boost::asio::async_write(socket_, boost::asio::buffer(answer_),
                             [self = shared_from_this(), last](boost::system::error_code ec, std::size_t) {
                                 if (!self->of_) return;
                                 if (ec || last) return self->end();
                                 self->answer_.clear();
                                 self->wait_at_most(self->of_->limits_.idle);
                                 self->go_on();
                             });
}

void client::end() {
    if (of_) of_->over(*this);
}

void client::close() {
    of_ = nullptr;
    patience_.cancel();
    boost::system::error_code ignored;
    socket_.shutdown(io::stream_socket::shutdown_both, ignored);
    socket_.close(ignored);
}

} // namespace milter::daemon::control
