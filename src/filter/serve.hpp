// Serves a filter on a milter socket: serve() in one call, or a `server` on an io_context of one's own. One
// thread, any number of connections. Never looks into what the filter says.
#pragma once

#include "filter/conversation.hpp"
#include "io/line.hpp"
#include "io/listener.hpp"
#include "wire/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <tl/expected.hpp>

namespace milter::filter {

namespace asio = boost::asio;

struct serve_options {
    io::listen_options listen;
    // Of a packet from the MTA, in bytes (protocol 1).
    std::size_t max_payload = 1024 * 1024;
    // Why no connection can be accepted for the moment.
    std::function<void(std::string const&)> on_trouble;
};

class server {
public:
    server(asio::io_context& context, factory make, serve_options options = {});
    ~server();
    server(server const&) = delete;
    server& operator=(server const&) = delete;

    // The error is a text for the operator.
    tl::expected<void, std::string> listen(wire::endpoint const& where);
    // Of the last listen() on inet or inet6.
    std::uint16_t port() const { return port_; }
    // Serves a connected socket.
    void adopt(io::descriptor socket);

    // No new connections; the present ones end with the message that is under way.
    void stop();
    std::size_t connections() const { return connections_.size(); }

private:
    class connection;

    void gone(connection& one);

    asio::io_context& context_;
    factory make_;
    serve_options options_;
    std::vector<std::unique_ptr<io::listener>> listeners_;
    std::vector<std::string> socket_files_;
    std::unordered_set<std::shared_ptr<connection>> connections_;
    std::uint16_t port_ = 0;
    bool stopping_ = false;
};

// Serves until SIGTERM or SIGINT, then lets the messages under way end. A second signal kills.
tl::expected<void, std::string> serve(wire::endpoint const& where, factory make, serve_options options = {});

} // namespace milter::filter
