#include "filter/serve.hpp"

#include "io/readiness.hpp"

#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <unistd.h>

namespace milter::filter {

class server::connection final : public io::line_user, public std::enable_shared_from_this<connection> {
public:
    connection(server& owner, std::size_t max_payload)
        : context_(owner.context_), owner_(&owner),
          line_(std::make_shared<io::line>(owner.context_, *this, max_payload)),
          talk_(owner.make_, line_->queue(), [this] { settle(); }) {}
    ~connection() { line_->close(); }

    void begin(io::descriptor socket) { line_->attach(std::move(socket)); }
    void end_unless_in_message() {
        if (talk_.in_message()) return;
        talk_.lost();
        settle();
    }
    // The server goes: nothing is heard of this connection any more.
    void abandon() {
        owner_ = nullptr;
        line_->close();
        talk_.lost();
    }

    void on_frame(io::line&, wire::frame const& packet) override {
        talk_.handle(packet);
        if (talk_.closed()) settle();
    }
    void on_frames_done(io::line&) override { settle(); }
    // What the filter had to say when it hung up is out.
    void on_drained(io::line&) override { settle(); }
    void on_lost(io::line&, io::lost, std::string const&) override {
        talk_.lost();
        leave();
    }

private:
    // Writes; closes when the talk is over and everything is written.
    void settle() {
        line_->flush();
        if (!talk_.closed() && owner_ && owner_->stopping_ && !talk_.in_message())
            asio::post(context_, [self = shared_from_this()] { self->end_unless_in_message(); });
        if (!talk_.closed() || (line_->is_open() && line_->unsent() != 0 && line_->waiting_to_write()))
            return;
        line_->close();
        leave();
    }
    // Not at once: a function of the talk or of the line may be what called.
    void leave() {
        if (!std::exchange(left_, true))
            asio::post(context_, [self = shared_from_this()] {
                if (self->owner_) self->owner_->gone(*self);
            });
    }

    asio::io_context& context_;
    server* owner_;
    std::shared_ptr<io::line> line_;
    conversation talk_;
    bool left_ = false;
};

server::server(asio::io_context& context, factory make, serve_options options)
    : context_(context), make_(std::move(make)), options_(std::move(options)) {
    io::readiness::of(context); // before anybody can connect: what is open at rest is open then
}

server::~server() {
    stop();
    for (auto const& one : connections_)
        one->abandon();
}

tl::expected<void, std::string> server::listen(wire::endpoint const& where) {
    auto const descriptor = io::open_listener(where, options_.listen);
    if (!descriptor) return tl::unexpected(descriptor.error());
    port_ = io::bound_port(*descriptor);
    if (where.family == wire::endpoint::kind::unix_socket) socket_files_.push_back(where.path);
    listeners_.push_back(std::make_unique<io::listener>(
        context_, *descriptor, [this](io::descriptor socket) { adopt(std::move(socket)); },
        [this](std::string const& why) {
            if (options_.on_trouble) options_.on_trouble(why);
        }));
    listeners_.back()->start();
    return {};
}

void server::adopt(io::descriptor socket) {
    auto const one = std::make_shared<connection>(*this, options_.max_payload);
    connections_.insert(one);
    one->begin(std::move(socket));
}

void server::stop() {
    if (std::exchange(stopping_, true)) return;
    for (auto const& one : listeners_)
        one->stop();
    for (auto const& path : socket_files_)
        ::unlink(path.c_str());
    for (auto const& one : connections_)
        one->end_unless_in_message();
}

void server::gone(connection& one) {
    connections_.erase(one.shared_from_this());
}

tl::expected<void, std::string> serve(wire::endpoint const& where, factory make, serve_options options) {
    asio::io_context context(1);
    server here(context, std::move(make), std::move(options));
    asio::signal_set signals(context, SIGTERM, SIGINT); // before anybody can connect
    if (auto const listening = here.listen(where); !listening) return tl::unexpected(listening.error());
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (ec) return;
        signals.clear();
        here.stop();
    });
    context.run();
    return {};
}

} // namespace milter::filter
