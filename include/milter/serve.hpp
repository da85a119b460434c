// Serves a milter on a socket: serve() in one call, or a `server` that other code ends. One thread, any
// number of connections. Never forks, never changes the user, never logs.
#pragma once

#include <milter/handler.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace milter {
inline namespace v3 {

struct serve_options {
    std::uint32_t unix_mode = 0660; // of a unix socket
    std::string unix_group;         // name of its group; "" = the process's
    // The largest packet from the MTA, in bytes; a larger one ends the connection.
    std::size_t max_packet = 1024 * 1024;
    // Told, on the server's thread: why no connection can be accepted for the moment, and exceptions of
    // handlers.
    std::function<void(std::string const&)> on_trouble = {};
};

// It worked, or a text for the operator why it did not.
class [[nodiscard]] result {
public:
    result() = default;
    explicit result(std::string complaint) : complaint_(std::move(complaint)), failed_(true) {}
    explicit operator bool() const { return !failed_; }
    std::string const& complaint() const { return complaint_; }

private:
    std::string complaint_;
    bool failed_ = false;
};

class MILTERXX_API server {
public:
    explicit server(maker make, serve_options options = {});
    // Ends all sessions at once. Not while another thread is in run().
    ~server();
    server(server const&) = delete;
    server& operator=(server const&) = delete;

    // spec: "inet:PORT@HOST", "inet6:PORT@[ADDRESS]", "unix:PATH"; port 0: any. Several calls, several
    // sockets. A unix socket that is in the way is replaced.
    result listen(std::string_view spec);
    // Of the last listen() on inet or inet6, host byte order.
    std::uint16_t port() const;
    // Serves, on the calling thread, until stop() was called and the messages under way have ended.
    void run();
    // From any thread, but not from a signal handler: no new connections, the present ones end with their
    // message.
    void stop();

private:
    friend MILTERXX_API int serve(std::string_view spec, maker make, serve_options options);
    class machine;
    std::unique_ptr<machine> machine_;
};

// Serves until SIGTERM or SIGINT, then lets the messages under way end; a second signal kills. Returns what
// main() returns: 0, or 1 after a line on stderr when it cannot listen.
MILTERXX_API int serve(std::string_view spec, maker make, serve_options options);

// The same with a Handler() for each session, and without options.
inline int serve(std::string_view spec, maker make) {
    return serve(spec, std::move(make), {});
}
template <class Handler>
int serve(std::string_view spec, serve_options options = {}) {
    return serve(
        spec, [] { return std::make_unique<Handler>(); }, std::move(options));
}

} // namespace v3
} // namespace milter
