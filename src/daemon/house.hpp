// The process while it serves: the worker threads, and the main thread that waits for signals and follows the
// configuration. Never opens or removes what the process has in the file system (daemon/start does).
#pragma once

#include "daemon/control/desk.hpp"
#include "daemon/control/left_out.hpp"
#include "daemon/handover.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/listeners.hpp"
#include "daemon/metrics_server.hpp"
#include "daemon/options.hpp"
#include "daemon/reload.hpp"
#include "daemon/revival.hpp"
#include "daemon/starter.hpp"
#include "observe/log.hpp"
#include "proxy/worker.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace milter::daemon {

class house {
public:
    // at: open; where the MTA connects to. by: for the loads at run time. The references outlive it; signals:
    // HUP, USR1 and those that end the process.
    house(boost::asio::io_context& context, boost::asio::signal_set& signals, shared_snapshot const& running,
          proxy::settings const& with, options const& by, observe::log& log,
          boost::asio::thread_pool& afterwards, listening_place& at, starter& of_children);

    // Before start(): a further place that a reload may move. moved: on the main thread; its socket is
    // another one, or none, and the former one is to be used until nobody waits there.
    void listens_at(listening_place& place, config::listening config::sockets::*wanted,
                    std::function<void()> moved);
    // Before start(): metrics by HTTP there, if it is open, and where a reload moves it.
    void serve_metrics(listening_place& at);
    // The sessions begin.
    void start();
    // After start(), waits for a program that is to replace this one. left: it serves, and this one ends.
    void accept_successor(std::string const& path, std::function<void()> left);
    // As after TERM.
    void stop();
    // Until it has been told to end and every session has.
    void run();

    // For the control socket, on the main thread. Serves there; before start().
    void serve_control(listening_place& at);
    // tell: when it is in force, or why it is not.
    void load_again(reload::on_outcome tell) { reload_.ask(std::move(tell)); }
    // at_once: sessions in flight may not finish.
    void end(bool at_once);
    // The child of that name in no new session, or in all again, until the next reload. done: it is so.
    void leave_out(std::string const& child, bool out, std::function<void()> const& done);
    control::child_names const& left_out() const { return left_out_; }
    // seen: on the main thread, once for each worker that still runs.
    void look(std::size_t most, std::function<void(std::vector<proxy::sight>)> const& seen);
    std::size_t n_workers() const { return workers_.size(); }
    shared_snapshot const& running() const { return reload_.running(); }
    proxy::counters const& counters() const { return counters_; }
    proxy::health const& health() const { return health_; }
    proxy::recent const& accounts() const { return *accounts_; }
    bool is_stopping() const { return stopping_; }

private:
    struct place_in_use {
        listening_place* place;
        config::listening config::sockets::*wanted;
        std::function<void()> moved;
    };

    std::vector<config::complaint> prepare(config::snapshot const& fresh);
    void move();
    std::vector<handed_socket> sockets() const;
    void leave(std::vector<std::string> const& taken, pid_t by);
    void ask_workers(std::function<void()> const& all_answered);
    std::string status() const;
    std::string metrics_page() const;

    void wait_for_signal();
    void reopen_log();
    void begin_to_stop(std::string_view why);
    void stop_sessions(std::string_view why);
    void look_after(std::shared_ptr<proxy::ruby_workers> const& ruby);
    // `done` once no worker begins a session under the old one any more.
    void put_in_force(shared_snapshot const& fresh, proxy::ruby_process ruby,
                      std::function<void()> const& done);
    void worker_done();
    void use_settings(std::function<void()> const& done);
    proxy::settings counted(proxy::settings with);

    boost::asio::io_context& context_;
    boost::asio::signal_set& signals_;
    observe::log& log_;
    boost::asio::thread_pool& afterwards_; // for what takes its time to end
    starter& starter_;
    proxy::counters counters_;
    std::shared_ptr<proxy::recent> accounts_;
    std::shared_ptr<proxy::archive> records_; // none, or for the life of the process
    proxy::health health_{log_, [this](auto const& child) { starter_.cannot_connect(child.name); }};
    boost::asio::steady_timer patience_;
    std::chrono::milliseconds stop_timeout_;
    std::vector<std::unique_ptr<proxy::worker>> workers_;
    std::size_t still_running_ = 0;
    bool stopping_ = false;
    std::size_t children_;
    std::vector<place_in_use> places_;
    std::function<void()> left_;
    proxy::settings configured_; // without what the operator has left out
    control::child_names left_out_;
    handover handover_;
    heartbeat heartbeat_;
    std::uint64_t load_ = 0; // the configuration in force
    reload reload_;
    revival revival_;
    control::desk desk_;
    metrics_server metrics_;
};

} // namespace milter::daemon
