#include "daemon/metrics_server.hpp"

#include <array>
#include <chrono>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/none.hpp>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t most_header = 8 * 1024; // bytes, of the whole request
constexpr std::size_t most_unread =
    4 * 1024 * 1024; // bytes that are still read from a client with its answer
constexpr std::chrono::seconds patience_with_one{10}; // with one connection
constexpr std::size_t most_visits = 16;

} // namespace

// One connection. Kept alive by what it waits for.
class metrics_server::visit : public std::enable_shared_from_this<visit> {
public:
    visit(metrics_server& of, io::stream_socket client)
        : owner_(of), line_(std::move(client)), time_(of.context_) {
        parser_.header_limit(most_header);
        parser_.body_limit(boost::none); // nobody reads it
    }

    void start() {
        time_.expires_after(patience_with_one);
        time_.async_wait([self = shared_from_this()](auto ec) {
            if (!ec) self->close();
        });
        http::async_read_header(line_, buffer_, parser_,
                                [self = shared_from_this()](auto ec, std::size_t) { self->read(ec); });
    }

    void close() {
        boost::system::error_code ignored;
        line_.close(ignored);
        time_.cancel();
        owner_.visits_.remove(shared_from_this());
    }

private:
    void read(boost::system::error_code ec) {
        if (!line_.is_open()) return;
        if (ec == http::error::header_limit)
            answer(http::status::request_header_fields_too_large, "text/plain", "the header is too large\n");
        else if (ec && ec.category() == http::make_error_code(http::error::bad_method).category() &&
                 ec != http::error::end_of_stream && ec != http::error::partial_message)
            answer(http::status::bad_request, "text/plain", "this is no HTTP\n");
        else if (ec)
            close();
        else
            answer(parser_.get());
    }

    void answer(http::request<http::empty_body> const& asked) {
        auto const path = asked.target().substr(0, asked.target().find('?'));
        if (asked.method() != http::verb::get && asked.method() != http::verb::head) {
            response_.set(http::field::allow, "GET, HEAD");
            return answer(http::status::method_not_allowed, "text/plain", "GET or HEAD\n");
        }
        if (path == "/metrics") return answer(http::status::ok, owner_.type_, owner_.page_());
        if (path == "/")
            return answer(http::status::ok, "text/html; charset=utf-8",
                          "<!doctype html><title>milter manager</title><a href=\"/metrics\">metrics</a>\n");
        answer(http::status::not_found, "text/plain", "only /metrics is here\n");
    }

    void answer(http::status status, std::string const& type, std::string body) {
        response_.result(status);
        response_.version(11);
        response_.set(http::field::content_type, type);
        response_.keep_alive(false);
        response_.body() = std::move(body);
        response_.prepare_payload();
        auto const written = [self = shared_from_this()](auto ec, std::size_t) { self->leave(ec); };
        if (!parser_.is_header_done() || parser_.get().method() != http::verb::head)
            return http::async_write(line_, response_, written);
        serializer_.split(true); // the length is that of GET's answer
        http::async_write_header(line_, serializer_, written);
    }

    // Reads what is left of what the client says: closed earlier, the answer could be lost on its way.
    void leave(boost::system::error_code ec) {
        if (ec && ec != http::error::need_buffer) return close();
        boost::system::error_code ignored;
        line_.shutdown(asio::socket_base::shutdown_send, ignored);
        drop_rest();
    }

    void drop_rest() {
        line_.async_read_some(asio::buffer(rest_),
                              [self = shared_from_this()](boost::system::error_code ec, std::size_t n) {
                                  self->dropped_ += n;
                                  if (ec || self->dropped_ > most_unread) return self->close();
                                  self->drop_rest();
                              });
    }

    metrics_server& owner_;
    io::stream_socket line_;
    asio::steady_timer time_;
    boost::beast::flat_buffer buffer_;
    http::request_parser<http::empty_body> parser_;
    http::response<http::string_body> response_;
    http::response_serializer<http::string_body> serializer_{response_};
    std::array<char, 4096> rest_{};
    std::size_t dropped_ = 0;
};

metrics_server::metrics_server(std::function<std::string()> page, std::string type, observe::log& log)
    : page_(std::move(page)), type_(std::move(type)), log_(log) {}

metrics_server::~metrics_server() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

void metrics_server::listen(int descriptor) {
    if (descriptor < 0 && !thread_.joinable()) return;
    asio::post(context_, [this, descriptor] { move_to(descriptor); });
    if (thread_.joinable()) return;
    thread_ = std::thread([this] {
        auto const busy = asio::make_work_guard(context_);
        context_.run();
    });
}

void metrics_server::move_to(int descriptor) {
    listener_.reset();
    if (descriptor < 0) return;
    listener_ = std::make_unique<io::listener>(
        context_, descriptor, [this](io::descriptor client) { accepted(std::move(client)); },
        [this](std::string const& why) {
            log_.event(observe::level::warning, "accept_paused", {{"error", why}},
                       "of metrics.connection_spec");
        });
    listener_->start();
}

// Somebody who connects and says nothing must not keep Prometheus out.
void metrics_server::accepted(io::descriptor client) {
    if (visits_.size() >= most_visits) {
        auto const oldest = visits_.front();
        oldest->close();
    }
    visits_.push_back(std::make_shared<visit>(*this, io::stream_of(context_, std::move(client))));
    auto const fresh = visits_.back();
    fresh->start();
}

} // namespace milter::daemon
