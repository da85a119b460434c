// A listening socket of a milter endpoint: opens it (mode, group, stale unix sockets), accepts, hands
// connected sockets on. Never reads from them.
#pragma once

#include "io/descriptor.hpp"
#include "wire/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tl/expected.hpp>

namespace milter::io {

namespace asio = boost::asio;
using stream_socket = asio::generic::stream_protocol::socket;

struct listen_options {
    std::uint32_t unix_mode = 0660;
    std::string unix_group;   // "" = leave as created
    bool remove_stale = true; // a unix socket file that is in the way
    int backlog = 1024;
};

// A listening, non-blocking, close-on-exec descriptor owned by the caller; the error is a text for the
// operator that quotes the endpoint. A port of 0 is chosen by the kernel (bound_port tells it).
tl::expected<int, std::string> open_listener(wire::endpoint const& where, listen_options const& options);
// Mode and group of the file of a unix socket; the error as above, and then the mode may have changed.
tl::expected<void, std::string> set_unix_access(wire::endpoint const& where, listen_options const& options);
// The port that a descriptor of inet or inet6 is bound to; 0 for unix sockets.
std::uint16_t bound_port(int descriptor);

// For who goes on with Asio.
stream_socket stream_of(asio::io_context& context, descriptor connection);

// Accepts on one io_context. Several may share a listening socket (each on its own dup).
class listener {
public:
    // Of a connection that does not block.
    using on_accept = std::function<void(descriptor)>;
    // Why accepting has paused (descriptors used up), for the log.
    using on_trouble = std::function<void(std::string const&)>;

    // Takes over the descriptor.
    listener(asio::io_context& context, int descriptor, on_accept accepted, on_trouble trouble);
    ~listener();
    // Before start(), for a limit that several listeners share: take() is asked before each accept, and when
    // it says no the listener pauses, and waits() is called when a client is there; give_back() is called
    // when a place was taken and nobody came.
    struct places {
        std::function<bool()> take;
        std::function<void()> give_back;
        std::function<void()> waits;
    };
    void share_places(places of);
    // Without descriptors: how long at most, unless resume() is called.
    void pause_for(std::chrono::milliseconds at_most) { longest_pause_ = at_most; }
    // Begins; ends with stop() or the destruction, which a callback may do too.
    void start();
    void stop();
    // Whoever has connected so far is still accepted, as far as there are places.
    void take_who_waits_and_stop();
    // Nobody else is to come: newcomers are kept away (TCP; a unix socket's file is the caller's), whoever
    // has connected is still accepted, then it stops and calls `done`, which may end it.
    void retire(std::function<void()> done);
    // Leaves further clients in the queue of the kernel, until resume().
    void pause();
    void resume();

private:
    void wait();
    void wait_for_descriptors();
    void woken(boost::system::error_code ec);
    void accept_all();
    int accept_one();
    void close();
    void last_call();
    bool is_over();
    void no_place();
    bool somebody_waits();

    asio::posix::stream_descriptor descriptor_;
    int family_; // of its socket
    asio::steady_timer pause_;
    asio::steady_timer retirement_;
    on_accept accepted_;
    on_trouble trouble_;
    places places_;
    std::chrono::milliseconds longest_pause_{100};
    std::function<void()> retired_;
    bool stopped_ = false;
    bool paused_ = false;
    bool ends_when_empty_ = false;
    bool waiting_ = false; // for a client
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace milter::io
