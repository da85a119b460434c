// Has the launcher start the command of a child that cannot be connected to (tools F.5), once for the whole
// process, and says what became of it. Never waits: a session goes on with the child's fallback. On the
// thread of its io_context, but for cannot_connect().
#pragma once

#include "config/snapshot.hpp"
#include "daemon/launch_message.hpp"
#include "daemon/launcher.hpp"
#include "observe/log.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace milter::daemon {

class starter {
public:
    // main, log: outlive it. Without a launcher it does nothing.
    starter(boost::asio::io_context& main, observe::log& log, launcher_process launcher,
            std::vector<launch_command> table);
    // Ends the launcher.
    ~starter();

    // What to do when the command of a child is run again after its first time.
    void on_restart(std::function<void(std::string const& child)> count) { restarted_ = std::move(count); }
    // These are the children from now on; says whose command only a restart lets be run.
    void use(config::snapshot const& running);
    // A connection to it has just failed. From any thread.
    void cannot_connect(std::string const& child);
    // Nothing is started or heard any more, so that the io_context can end.
    void stop();

    // Has the launcher do something with a file of its own, and waits for it. 0, or the error number.
    int have(launch_ask which);

private:
    struct state {
        std::string child; // that asked last
        bool busy = false; // asked for, or running
        bool has_run = false;
        std::chrono::steady_clock::time_point not_before{};
    };

    void ask(std::uint32_t index, std::string const& child);
    void listen();
    void heard();
    void told(launch_reply const& what);
    void failed(state const& mine, launch_reply const& what);
    bool send(launch_request const& request);

    boost::asio::io_context& main_;
    observe::log& log_;
    std::vector<launch_command> const table_;
    std::vector<state> states_; // of each command
    bool const as_root_;
    pid_t const pid_;
    boost::asio::posix::stream_descriptor line_;
    bool stopped_ = false;
    std::function<void(std::string const& child)> restarted_;
    std::mutex mutex_;                                           // of what follows
    std::map<std::string, std::uint32_t, std::less<>> commands_; // by child
};

} // namespace milter::daemon
