// The Ruby process that has evaluated the configuration and forks the workers that run its blocks
// (docs/ruby-worker.md): asks it for workers and to end them, tells what becomes of them, and logs what they
// print. On the thread of its io_context only; asks nothing about a mail.
#pragma once

#include "io/descriptor.hpp"
#include "io/line.hpp"
#include "observe/log.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace milter::proxy {

// What is left of an evaluation.
struct ruby_process {
    std::shared_ptr<void>
        alive;              // waits for the end of the process when it goes: the control is closed before
    io::descriptor printed; // the reading end of its standard output and standard error
    io::descriptor control; // a stream socket, both ways
};

class ruby_parent {
public:
    struct user {
        // text: how it ended, e.g. "signal 9".
        std::function<void(std::uint32_t worker, std::string const& text)> ended;
        // No worker can be had any more.
        std::function<void()> gone;
    };

    ruby_parent(boost::asio::io_context& context, ruby_process process, observe::log& log, user tell);
    ~ruby_parent();

    // All workers to come run as the user that this process runs as.
    void become_as_we_are();
    // Our end of a new worker's socket; nothing when it cannot be had now.
    io::descriptor start(std::uint32_t worker);
    // Ends it and all that it has started; `ended` follows.
    void end(std::uint32_t worker);
    // No callback after this; the parent ends all workers and itself.
    void close();

private:
    bool send(std::string line, int descriptor = -1);
    void read_control();
    void read_printed();
    void told(std::string const& line);
    void log_printed(std::string_view text);

    boost::asio::io_context& context_;
    observe::log& log_;
    user tell_;
    boost::asio::local::stream_protocol::socket control_;
    boost::asio::posix::stream_descriptor printed_;
    std::string control_text_;
    std::string printed_text_;
    std::shared_ptr<void> process_;
};

} // namespace milter::proxy
