#include <milter/serve.hpp>

#include "filter/serve.hpp"
#include "library/session_link.hpp"

#include <csignal>
#include <cstdio>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

namespace milter {
inline namespace v3 {

namespace asio = boost::asio;

class server::machine {
public:
    machine(maker make, serve_options options)
        : where_(std::make_shared<library::loop>(
              [this](library::loop::task what) { asio::post(context, std::move(what)); })),
          inner(context, library::sessions_of(std::move(make), where_, options.on_trouble),
                inner_options(options)) {}
    ~machine() { where_->close(); }

    asio::io_context context{1};

private:
    static milter::filter::serve_options inner_options(serve_options const& options) {
        milter::filter::serve_options all;
        all.listen.unix_mode = options.unix_mode;
        all.listen.unix_group = options.unix_group;
        all.max_payload = options.max_packet;
        all.on_trouble = options.on_trouble;
        return all;
    }

    std::shared_ptr<library::loop> where_;

public:
    milter::filter::server inner;
};

server::server(maker make, serve_options options)
    : machine_(std::make_unique<machine>(std::move(make), std::move(options))) {}

server::~server() = default;

result server::listen(std::string_view spec) {
    auto const where = wire::endpoint::parse(spec);
    if (!where) return result(where.error());
    auto const listening = machine_->inner.listen(*where);
    return listening ? result() : result(listening.error());
}

std::uint16_t server::port() const {
    return machine_->inner.port();
}

void server::run() {
    machine_->context.run();
}

void server::stop() {
    asio::post(machine_->context, [this] { machine_->inner.stop(); });
}

int serve(std::string_view spec, maker make, serve_options options) {
    server here(std::move(make), std::move(options));
    // From before anybody can connect.
    asio::signal_set signals(here.machine_->context, SIGTERM, SIGINT);
    if (auto const listening = here.listen(spec); !listening) {
        std::fprintf(stderr, "%s\n", listening.complaint().c_str());
        return 1;
    }
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (ec) return;
        signals.clear();
        here.machine_->inner.stop();
    });
    here.run();
    return 0;
}

} // namespace v3
} // namespace milter
