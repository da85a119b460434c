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

#include <boost/asio/executor_work_guard.hpp>

namespace milter::proxy {

// What the workers of a process share.
struct counters {
    std::atomic<std::uint64_t> sessions_begun{0};
    std::atomic<std::uint64_t> sessions_open{0};
    std::atomic<std::uint64_t> sessions_ended{0};
};

class worker {
public:
    // descriptor: a listening socket that the worker takes over (a dup for each). of_children: outlives the
    // worker. place_free: called on this thread when another session may begin, if their number is limited.
    worker(int descriptor, settings with, observe::log& log, counters& shared, health& of_children,
           std::function<void()> place_free);
    ~worker();

    // Runs until stop_accepting() and the end of the last session; then `done` is called on that thread.
    void start(std::function<void()> done);
    // From any thread.
    void stop_accepting();
    void stop_sessions();
    void resume_accepting();
    // From any thread. Sessions that begin after `done` was called, on the worker's thread, begin under
    // these.
    void use(settings with, std::function<void()> done);

private:
    bool take_place();
    void accepted(io::stream_socket mta);
    void ended(session& one);

    // Also held by who answers questions of sessions from another thread.
    std::shared_ptr<boost::asio::io_context> context_ = std::make_shared<boost::asio::io_context>(1);
    // Until stop_accepting(): a listener that pauses, because all places are taken, is no work.
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> serving_{
        context_->get_executor()};
    std::shared_ptr<generation> now_; // of sessions that begin
    observe::log& log_;
    counters& shared_;
    health& health_;
    std::function<void()> place_free_;
    io::listener listener_;
    pool pool_{*context_, log_};
    resolver lists_{*context_, log_};
    std::unordered_map<session*, std::shared_ptr<session>> sessions_;
    std::thread thread_;
};

} // namespace milter::proxy
