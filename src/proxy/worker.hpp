// One thread of the daemon: accepts from the MTA and runs the sessions, each from birth to death on this
// thread. Shares with other workers only the settings, the log and two counters.
#pragma once

#include "io/listener.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "proxy/admission.hpp"
#include "proxy/ebb.hpp"
#include "proxy/meter.hpp"
#include "proxy/pool.hpp"
#include "proxy/session.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::proxy {

// What the workers of a process share.
struct counters {
    std::atomic<std::uint64_t> sessions_begun{0};
    std::atomic<std::uint64_t> sessions_open{0};
    std::atomic<std::uint64_t> sessions_ended{0};
    admission places;
    observe::metrics figures{figure_words()};
    proxy::tags tags;
    finished_sessions finished;
};

// Local time, from Monday 00:00.
std::uint32_t minute_of_week();

class worker {
public:
    // descriptor: a listening socket that the worker takes over (a dup for each). of_children: outlives the
    // worker. place_free: called on this thread when another session may begin that could not.
    worker(int descriptor, settings with, observe::log& log, counters& shared, health& of_children,
           std::function<void()> place_free);
    ~worker();

    // Runs until stop_accepting() and the end of the last session; then `done` is called on that thread.
    void start(std::function<void()> done);
    // From any thread.
    void stop_accepting();
    void stop_sessions();
    // Those that have no message at hand, nor begin one soon; until the thread ends.
    void stop_idle_sessions();
    void resume_accepting();
    // From any thread: accepts there from now on, too. Whoever has connected to the socket so far is still
    // accepted, then that one is closed. Takes over the descriptor.
    void listen(int descriptor);
    // From any thread: called on the worker's, unless that hangs.
    void ask(std::function<void()> answer);
    // From any thread. Sessions that begin after `done` was called, on the worker's thread, begin under
    // these.
    void use(settings with, std::function<void()> done);
    // From any thread; `seen` is called on the worker's thread, with at most so many, the oldest.
    void look(std::size_t most, std::function<void(std::vector<sight>)> seen);

private:
    std::unique_ptr<io::listener> listener_on(int descriptor);
    bool take_place();
    void give_place_back(admission::limits const& of, bool ended);
    void client_waits(std::string_view reason, std::string const& error);
    void look_who_waits();
    void accepted(io::descriptor mta);
    void ended(session& one);
    void look_for_idle_sessions();
    void give_memory_back();
    void tell_finished();

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
    std::unique_ptr<io::listener> listener_;
    std::vector<std::unique_ptr<io::listener>> retiring_; // sockets of former configurations
    pool pool_{*context_, log_};
    resolver lists_{*context_, log_, std::chrono::steady_clock::now, &shared_.figures.process.dns_failures};
    std::unordered_map<session*, std::shared_ptr<session>> sessions_;
    boost::asio::steady_timer idle_look_{*context_};    // armed while it ends idle sessions
    boost::asio::steady_timer waiting_look_{*context_}; // armed while clients wait and others do not look
    admission::answer last_answer_{};
    ebb crowd_;                     // of sessions_
    bool telling_finished_ = false; // with the sessions that end until then
    std::thread thread_;
};

} // namespace milter::proxy
