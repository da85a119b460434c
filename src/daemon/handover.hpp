// The running side of `--replace`: waits beside the pid file for a program that is to take its place, gives
// it the listening sockets, and says when that one serves. Until then nothing changes; whatever goes wrong
// with the successor is a line in the log. Never talks to anybody who is neither root nor of our own user.
#pragma once

#include "daemon/handover_message.hpp"
#include "observe/log.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::daemon {

class handover {
public:
    struct house {
        std::function<std::vector<handed_socket>()> sockets; // that are in force now
        // Take no more connections: process `by` serves, on the sockets of these names.
        std::function<void(std::vector<std::string> const& names, pid_t by)> leave;
    };

    // main, log: outlive it. Its thread is that of `main`.
    handover(boost::asio::io_context& main, observe::log& log, house of);
    ~handover();

    // Begins to wait, in the place of whoever waited there. A failure is a warning in the log.
    void open(std::string const& path);
    // A successor that has been given sockets and does not serve yet gives up: they are others now.
    void refuse(std::string const& why);
    // Waits for nobody any more; the file goes unless it is a successor's by now.
    void close();

private:
    void wait();
    void wait_for_descriptors();
    void accepted();
    void await_word();
    void heard();
    void give();
    void forget();

    boost::asio::io_context& main_;
    observe::log& log_;
    house house_;
    std::string path_;
    std::uint64_t file_ = 0; // its number in the file system
    boost::asio::posix::stream_descriptor listening_{main_};
    boost::asio::posix::stream_descriptor successor_{main_};
    boost::asio::steady_timer patience_{main_};
    boost::asio::steady_timer pause_{main_};
    bool has_sockets_ = false; // the successor
};

} // namespace milter::daemon
