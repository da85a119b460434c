// One peer: reads frames and hands them to its user, writes what it is given, connects. Knows nothing of
// what the packets mean. All calls and callbacks on the thread of its io_context.
#pragma once

#include "wire/endpoint.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

namespace milter::io {

namespace asio = boost::asio;
using stream_socket = asio::generic::stream_protocol::socket;

// How a line ended.
enum class lost {
    closed,       // the peer closed between two packets
    cut,          // the peer closed inside a packet
    reset,        // any other error of the socket while reading or writing
    garbage,      // what came is no frame within the limit
    no_connection // connecting or resolving failed
};
std::string_view describe(lost why);

class line;

// Who is told. A callback may close any line and may give up the last reference to its own line.
class line_user {
public:
    virtual void on_connected(line&) {}
    virtual void on_frame(line&, wire::frame const& packet) = 0;
    // After the frames of one read: the moment to flush what they caused.
    virtual void on_frames_done(line&) {}
    // The queue of a line that had to wait is empty again.
    virtual void on_drained(line&) {}
    // The line is closed; no further callback. detail: e.g. the text of errno.
    virtual void on_lost(line&, lost why, std::string const& detail) = 0;

protected:
    ~line_user() = default;
};

// Held by shared_ptr; pending operations keep it alive. close() before the user goes.
class line : public std::enable_shared_from_this<line> {
public:
    // max_payload: of a packet from the peer, in bytes.
    line(asio::io_context& context, line_user& user, std::size_t max_payload);
    ~line();
    line(line const&) = delete;
    line& operator=(line const&) = delete;

    // Takes over a connected socket and begins to read.
    void attach(stream_socket socket);
    // Connects (resolves a name of exactly the endpoint's family, first address), then on_connected, then
    // reads. While the queue of a unix socket is full it goes on trying; whoever is tired of it closes.
    void connect(wire::endpoint const& where);

    // Another user is told from now on.
    void hand_to(line_user& user) {
        if (user_) user_ = &user;
    }
    // The peer has neither closed nor said anything that its user has not been told.
    bool is_silent();

    // Appends to the queue; nothing is written before flush(). Ignored once the line is closed.
    void send(std::string_view bytes);
    // The queue itself, to encode into.
    std::string& queue() { return out_; }
    // Writes what can be written now; the rest follows by itself, then on_drained.
    void flush();
    // Bytes that the peer has not taken yet.
    std::size_t unsent() const { return out_.size() - sent_; }
    bool waiting_to_write() const { return writing_; }

    // No callback after this. What is queued and cannot be written at once is dropped.
    void close();
    // The same, and what is queued is not even tried.
    void discard();
    bool is_open() const { return user_ != nullptr; }
    stream_socket& socket() { return socket_; }

private:
    void resolve(wire::endpoint const& where);
    void start(wire::endpoint const& where, void const* address, std::size_t size);
    void connect_unix(wire::endpoint const& where);
    void connected(std::string const& where, int failed);
    void begin();
    void wait_to_read();
    void read_some();
    bool deliver();
    void wait_to_write();
    void fail(lost why, std::string detail);

    asio::io_context& context_;
    stream_socket socket_;
    line_user* user_;
    wire::frame_reader reader_;
    std::string out_;
    std::size_t sent_ = 0;
    bool writing_ = false;
};

} // namespace milter::io
