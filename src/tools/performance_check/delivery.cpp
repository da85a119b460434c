#include "tools/performance_check/delivery.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace milter::tools::performance_check {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto waited = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t block = 64 * 1024;

// What ends a delivery from below: complete as a message.
struct broken {
    std::string why;
};

class connection {
public:
    connection(asio::any_io_executor const& by, server const& to, asio::ssl::context& tls)
        : to_(to), stream_(by, tls), resolver_(by), timer_(by) {}

    asio::awaitable<void> open() {
        arm();
        auto const [unknown, places] =
            co_await resolver_.async_resolve(to_.host, std::to_string(to_.port), waited);
        check("look up", unknown);
        auto const [refused, place] = co_await asio::async_connect(stream_.next_layer(), places, waited);
        check("connect to", refused);
        error_code ignored;
        stream_.next_layer().set_option(tcp::no_delay(true), ignored);
        disarm();
    }

    asio::awaitable<void> encrypt() {
        arm();
        auto const [failed] = co_await stream_.async_handshake(asio::ssl::stream_base::client, waited);
        check("TLS with", failed);
        encrypted_ = true;
        reader_ = {}; // what came in the clear does not count
        disarm();
    }

    asio::awaitable<smtp_reply> reply() {
        arm();
        for (;;) {
            if (auto whole = reader_.next()) {
                disarm();
                co_return std::move(*whole);
            }
            if (!reader_.wrong().empty()) throw broken(reader_.wrong());
            auto const room = asio::buffer(buffer_);
            auto const [failed, size] = encrypted_
                                            ? co_await stream_.async_read_some(room, waited)
                                            : co_await stream_.next_layer().async_read_some(room, waited);
            check("read from", failed);
            reader_.feed(std::string_view(buffer_, size));
        }
    }

    asio::awaitable<void> write(std::string_view text) {
        arm();
        auto const all = asio::buffer(text);
        auto const [failed, size] = encrypted_
                                        ? co_await asio::async_write(stream_, all, waited)
                                        : co_await asio::async_write(stream_.next_layer(), all, waited);
        check("write to", failed);
        disarm();
    }

private:
    // A handler of a timer may be on its way when the timer is cancelled, or when all of this is gone.
    void arm() {
        timer_.expires_after(to_.reading_timeout);
        timer_.async_wait([this, turn = std::weak_ptr(turn_ = std::make_shared<int>())](error_code passed) {
            if (passed || turn.expired()) return;
            late_ = true;
            resolver_.cancel();
            error_code ignored;
            stream_.next_layer().close(ignored);
        });
    }
    void disarm() {
        turn_.reset();
        timer_.cancel();
    }

    void check(char const* what, error_code failed) const {
        if (!failed && !late_) return;
        auto const why = late_ ? fmt::format("timeout: nothing within {} ms", to_.reading_timeout.count())
                         : failed == asio::error::eof ? "the server closed the connection"
                                                      : failed.message();
        throw broken(fmt::format("{} {}:{}: {}", what, to_.host, to_.port, why));
    }

    server const& to_;
    asio::ssl::stream<tcp::socket> stream_;
    tcp::resolver resolver_;
    asio::steady_timer timer_;
    std::shared_ptr<int> turn_; // of the timer
    reply_reader reader_;
    char buffer_[8192];
    bool encrypted_ = false, late_ = false;
};

asio::awaitable<void> write_content(connection& line, mail const& what) {
    dot_stuffer stuffer;
    if (what.content) {
        std::string_view rest = *what.content;
        while (!rest.empty()) {
            auto const piece = stuffer.take(rest.substr(0, block));
            co_await line.write(piece);
            rest.remove_prefix(std::min(block, rest.size()));
        }
    } else {
        std::ifstream file(what.name, std::ios::binary);
        std::vector<char> buffer(block);
        while (file.read(buffer.data(), block), file.gcount() > 0) {
            auto const piece =
                stuffer.take(std::string_view(buffer.data(), static_cast<std::size_t>(file.gcount())));
            co_await line.write(piece);
        }
        if (file.bad() || !file.eof())
            throw broken(fmt::format("cannot read {}: {}", what.name, std::strerror(errno)));
    }
    auto const end = stuffer.end();
    co_await line.write(end);
}

// The work; what goes wrong is thrown.
asio::awaitable<outcome> converse(connection& line, smtp_client& client, mail const& what) {
    co_await line.open();
    auto said = co_await line.reply();
    auto next = client.hear(said);
    for (;;) {
        if (std::holds_alternative<close_line>(next)) co_return client.ended();
        if (std::holds_alternative<start_tls>(next)) {
            co_await line.encrypt();
            next = client.encrypted();
            continue;
        }
        if (auto const* const text = std::get_if<say>(&next))
            co_await line.write(text->text);
        else
            co_await write_content(line, what);
        said = co_await line.reply();
        next = client.hear(said);
    }
}

} // namespace

asio::awaitable<outcome> deliver(server const& to, manners const& with, mail const& what,
                                 asio::ssl::context& tls) {
    auto const executor = co_await asio::this_coro::executor;
    smtp_client client(with, what.to);
    connection line(executor, to, tls);
    std::string why;
    try {
        co_return co_await converse(line, client, what);
    } catch (broken const& one) {
        why = one.why;
    } catch (std::exception const& one) {
        why = one.what();
    }
    // Whatever comes after the server has taken the message, it was sent; so it is with a refusal.
    if (client.decided()) co_return client.ended();
    outcome ended;
    ended.text = std::move(why);
    co_return ended;
}

} // namespace milter::tools::performance_check
