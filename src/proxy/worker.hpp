// One thread of the daemon: accepts from the MTA and runs the sessions, each from birth to death on this
// thread. Shares with other workers only the settings, the log and two counters.
#pragma once

#include "io/listener.hpp"
#include "observe/log.hpp"
#include "proxy/pool.hpp"
#include "proxy/session.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

namespace milter::proxy {

// What the workers of a process share.
struct counters {
    std::atomic<std::uint64_t> sessions_begun{0};
    std::atomic<std::uint64_t> sessions_open{0};
};

class worker {
public:
    // descriptor: a listening socket that the worker takes over (a dup for each). most_open: sessions of the
    // process at once, 0 = any number. of_children: outlives the worker. one_ended: called on this thread
    // whenever a session has ended.
    worker(int descriptor, settings with, observe::log& log, counters& shared, health& of_children,
           std::uint64_t most_open, std::function<void()> one_ended);
    ~worker();

    // Runs until stop_accepting() and the end of the last session; then `done` is called on that thread.
    void start(std::function<void()> done);
    // From any thread.
    void stop_accepting();
    void stop_sessions();
    void resume_accepting();

private:
    bool take_place();
    void accepted(io::stream_socket mta);
    void ended(session& one);

    boost::asio::io_context context_{1};
    settings with_;
    observe::log& log_;
    counters& shared_;
    health& health_;
    std::uint64_t most_open_;
    std::function<void()> one_ended_;
    io::listener listener_;
    pool pool_{context_, log_};
    core::session::memory known_; // what children have said to offers
    std::unordered_map<session*, std::shared_ptr<session>> sessions_;
    std::thread thread_;
};

} // namespace milter::proxy
