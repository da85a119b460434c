// One peer: reads frames and hands them to its user, writes what it is given, connects. Knows nothing of
// what the packets mean. All calls and callbacks on the thread of its io_context.
#pragma once

#include "io/readiness.hpp"
#include "wire/endpoint.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace milter::io {

namespace asio = boost::asio;

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

// Held by shared_ptr; closes itself with the last one. close() before the user goes.
class line final : public std::enable_shared_from_this<line>, private readiness::watcher {
public:
    // max_payload: of a packet from the peer, in bytes.
    line(asio::io_context& context, line_user& user, std::size_t max_payload);
    ~line();
    line(line const&) = delete;
    line& operator=(line const&) = delete;

    // Takes over a connected socket, which must not block, and begins to read.
    void attach(descriptor socket);
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
    // The same, and what can be written at once is not copied.
    void send_through(std::string_view bytes);
    // Of that part of a file, as much as can be written at once behind what is queued: how many bytes.
    // Without a copy, which pays on unix sockets. 0 also if the system cannot do that with this file.
    std::size_t send_file(int file, std::uint64_t offset, std::size_t size);
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
    // -1 before it is connected, and once it is closed.
    int native_handle() const { return socket_.number(); }

private:
    void resolve(wire::endpoint const& where);
    void start(wire::endpoint const& where, void const* address, std::size_t size);
    void connect_unix(wire::endpoint const& where);
    void connected(std::string const& where, int failed);
    void begin();
    void on_ready(readiness::news const& what) override;
    void read_later();
    void read_some();
    bool read_into();
    bool deliver();
    void wait_to_write();
    void forget_sent();
    void fail(lost why, std::string detail);

    asio::io_context& context_;
    readiness& ready_;
    descriptor socket_;
    line_user* user_;
    wire::frame_reader reader_;
    std::string out_;
    std::size_t sent_ = 0;
    bool writing_ = false;
    bool watched_ = false;      // by ready_
    bool peer_is_gone_ = false; // what it has said last may be unread
    std::string connecting_to_; // until that has succeeded
};

} // namespace milter::io
