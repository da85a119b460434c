#include "daemon/house.hpp"

#include "daemon/in_force.hpp"
#include "daemon/pid_file.hpp"
#include "daemon/privilege.hpp"
#include "daemon/reload.hpp"
#include "io/listener.hpp"
#include "observe/log.hpp"
#include "proxy/worker.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
using observe::level;

// How long sessions may take to finish after the first TERM or INT.
constexpr std::chrono::seconds stop_patience{60};

int fail(std::string const& why) {
    std::fprintf(stderr, "milter-manager: %s\n", why.c_str());
    return EXIT_FAILURE;
}

std::string allow_descriptors(std::uint64_t most) {
    if (most == 0) return {};
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = most;
    limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
    return "cannot set manager.max_file_descriptors to " + std::to_string(most) + ": " +
           std::generic_category().message(errno);
}

unsigned worker_count(unsigned wanted) {
    return wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

// The process while it serves: the workers, and the main thread that waits for signals.
class house {
public:
    house(asio::io_context& context, asio::signal_set& signals, shared_snapshot const& running,
          proxy::settings const& with, options const& by, observe::log& log, asio::thread_pool& afterwards,
          int descriptor)
        : context_(context), signals_(signals), log_(log), afterwards_(afterwards), patience_(context),
          reload_(context, by, log, running, [this](auto const& fresh, auto ruby, auto const& done) {
              put_in_force(fresh, std::move(ruby), done);
          }) {
        unsigned const n = worker_count(running->fixed.n_workers);
        auto const place_free = [this] {
            for (auto const& one : workers_)
                one->resume_accepting();
        };
        for (unsigned i = 0; i < n; ++i)
            workers_.push_back(std::make_unique<proxy::worker>(i + 1 == n ? descriptor : ::dup(descriptor),
                                                               with, log_, counters_, health_, place_free));
    }

    void run() {
        still_running_ = workers_.size();
        for (auto const& one : workers_)
            one->start([this] { asio::post(context_, [this] { worker_done(); }); });
        wait_for_signal();
        context_.run();
    }

private:
    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code ec, int number) {
            if (ec) return;
            if (number == SIGHUP)
                reload_.ask();
            else if (number == SIGUSR1)
                reopen_log();
            else
                stop();
            wait_for_signal();
        });
    }

    void reopen_log() {
        log_.reopen();
        log_.event(level::info, "log_reopened", {});
    }

    void stop() {
        if (std::exchange(stopping_, true)) return stop_sessions("a second signal");
        log_.event(level::info, "stopping", {}, "no new sessions; those in flight may finish");
        reload_.stop();
        for (auto const& one : workers_)
            one->stop_accepting();
        patience_.expires_after(stop_patience);
        patience_.async_wait([this](boost::system::error_code passed) {
            if (!passed) stop_sessions("sessions were still in flight after the time to stop");
        });
    }

    // `done` once no worker begins a session under the old one any more.
    void put_in_force(shared_snapshot const& fresh, proxy::ruby_process ruby,
                      std::function<void()> const& done) {
        health_.keep_only(fresh->live.policy.children);
        auto const with = settings_of(fresh, workers_of(*fresh, std::move(ruby), false, log_, afterwards_));
        auto const left = std::make_shared<std::size_t>(workers_.size()); // counted on the main thread
        auto const one_has_it = [left, done] {
            if (--*left == 0) done();
        };
        for (auto const& one : workers_)
            one->use(with, [this, one_has_it] { asio::post(context_, one_has_it); });
    }

    void stop_sessions(std::string_view why) {
        log_.event(level::warning, "sessions_ended", {}, why);
        for (auto const& one : workers_)
            one->stop_sessions();
    }

    void worker_done() {
        if (--still_running_ > 0) return;
        signals_.cancel();
        patience_.cancel();
    }

    asio::io_context& context_;
    asio::signal_set& signals_;
    observe::log& log_;
    asio::thread_pool& afterwards_; // for what takes its time to end
    proxy::counters counters_;
    proxy::health health_{log_};
    asio::steady_timer patience_;
    std::vector<std::unique_ptr<proxy::worker>> workers_;
    std::size_t still_running_ = 0;
    bool stopping_ = false;
    reload reload_;
};

} // namespace

int serve(shared_snapshot const& running, proxy::ruby_process ruby, options const& by) {
    auto const& fixed = running->fixed;
    if (fixed.daemon)
        return fail(
            "manager.daemon is not supported by this version: run it in the foreground (systemd, nohup)");
    if (auto const why = allow_descriptors(fixed.max_file_descriptors); !why.empty()) return fail(why);
    auto const log = observe::log::open(log_settings_of(running->live.log));
    if (!log) return fail(log.error());
    // Before anybody can see the socket: a signal that comes from then on ends it in good order.
    asio::io_context context(1);
    asio::signal_set signals(context, SIGTERM, SIGINT, SIGHUP);
    signals.add(SIGUSR1);
    std::signal(SIGPIPE, SIG_IGN); // of a log whose reader is gone; sockets do not raise it
    auto const& socket = fixed.manager;
    auto const descriptor =
        io::open_listener(*socket.where, {.unix_mode = socket.unix_socket_mode,
                                          .unix_group = socket.unix_socket_group.value_or(""),
                                          .remove_stale = socket.remove_unix_socket_on_create});
    if (!descriptor) return fail("failed to listen: " + descriptor.error());
    bool const was_root = ::geteuid() == 0;
    if (auto const why = drop_privileges(fixed.effective_user, fixed.effective_group, socket.where);
        !why.empty())
        return fail(why);
    auto const numbered =
        fixed.pid_file ? pid_file::write(*fixed.pid_file) : tl::expected<pid_file, std::string>();
    if (!numbered) return fail(numbered.error());
    warn_about(*running, **log);
    (*log)->event(level::info, "listening",
                  {{"endpoint", socket.where->text()},
                   {"children", std::to_string(running->live.policy.children.size())}});
    asio::thread_pool afterwards(1); // a thread that was not root
    // Statements of their own: what is not used any more (Ruby, the first settings) goes at their ends.
    auto ruby_workers =
        workers_of(*running, std::move(ruby), was_root && ::geteuid() != 0, **log, afterwards);
    {
        house all(context, signals, running, settings_of(running, std::move(ruby_workers)), by, **log,
                  afterwards, *descriptor);
        all.run();
    }
    afterwards.join();
    bool const is_unix = socket.where->family == wire::endpoint::kind::unix_socket;
    if (is_unix && socket.remove_unix_socket_on_close && ::unlink(socket.where->path.c_str()) < 0)
        (*log)->event(level::warning, "socket_left_behind", {{"endpoint", socket.where->text()}},
                      std::generic_category().message(errno) +
                          "; give its directory to security.effective_user");
    (*log)->event(level::info, "stopped", {});
    return EXIT_SUCCESS;
}

} // namespace milter::daemon
