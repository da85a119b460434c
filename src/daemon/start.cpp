#include "daemon/start.hpp"

#include "daemon/early_signals.hpp"
#include "daemon/handover_message.hpp"
#include "daemon/house.hpp"
#include "daemon/in_force.hpp"
#include "daemon/launch_table.hpp"
#include "daemon/launcher.hpp"
#include "daemon/predecessor.hpp"
#include "daemon/privilege.hpp"
#include "daemon/starter.hpp"
#include "observe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
using observe::level;

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

// As the user that serves, as at a reload. Mail does not have to wait for it (tools F.2).
void open_control(listening_place& at, config::listening const& wanted, inherited_sockets& given,
                  observe::log& log) {
    if (auto const open = at.open(wanted, given); !open)
        log.event(level::error, "control_failed", {{"error", open.error()}},
                  "nobody can use milter-manager-controller; everything else works");
}

using listening_places = std::vector<listening_place*>;

// Tells the running program that this one serves, and takes over what it leaves. False: it refuses.
bool succeed(predecessor& former, listening_places const& places, observe::log& log) {
    std::vector<std::string> taken;
    for (auto const* one : places)
        if (one->is_taken_over()) taken.push_back(one->name());
    if (auto const left = former.leave(std::move(taken)); !left) {
        log.event(level::critical, "not_replaced", {{"error", left.error()}},
                  "the program that runs serves on; this one ends");
        return false;
    }
    for (auto* const one : places)
        one->own();
    return true;
}

// What the process opens and starts before it serves, and closes after it.
class process {
public:
    process(shared_snapshot running, options const& by) : running_(std::move(running)), by_(by) {}

    // "", or why it cannot serve: then what it has opened goes with it.
    std::string open(inherited_sockets given);
    // False: it could not take the place of the one that runs.
    bool serve(proxy::ruby_process ruby, background& away);
    void close();

private:
    std::string listen(inherited_sockets& given);
    std::string settle(std::optional<identity> const& who);
    std::string start_launcher(std::vector<launch_command> commands, bool drops);
    void say_what_is_odd(std::vector<std::string> const& commands_not_run);
    bool live(house& all, background& away);
    void number_anew();

    shared_snapshot running_;
    options const& by_;
    std::unique_ptr<observe::log> log_;
    // Before anybody can see the socket: a signal that comes from then on ends it in good order.
    asio::io_context context_{1};
    asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
    std::optional<predecessor> former_;
    launcher_job job_;
    std::optional<starter> starter_;
    std::optional<listening_place> mta_; // goes before the starter, which may have to help
    std::optional<listening_place> control_;
    std::optional<listening_place> metrics_;
    std::shared_ptr<proxy::archive> records_;
    bool was_root_ = false;
};

std::string process::open(inherited_sockets given) {
    was_root_ = ::geteuid() == 0;
    auto const who = serving_user(running_->fixed);
    if (!who) return who.error();
    if (auto why = allow_descriptors(running_->fixed.max_file_descriptors); !why.empty()) return why;
    auto log = observe::log::open(log_settings_of(*running_));
    if (!log) return log.error();
    log_ = std::move(*log);
    signals_.add(SIGUSR1);
    repeat_early_signals();
    std::signal(SIGPIPE, SIG_IGN); // of a log whose reader is gone; sockets do not raise it
    if (auto why = listen(given); !why.empty()) return why;
    if (auto why = settle(*who); !why.empty()) return why;
    if (by_.record) {
        auto records = proxy::archive::open(*by_.record, *log_);
        if (!records) return records.error();
        records_ = std::move(*records);
        log_->event(level::message, "recording", {{"file", by_.record->directory}},
                    "sessions are written there, as --record says");
    }
    control_.emplace("controller", "controller", *log_);
    open_control(*control_, running_->sockets.controller, given, *log_);
    for (auto const& one : given.unused())
        log_->event(level::info, "socket_unused", {{"endpoint", one}});
    return {};
}

std::string process::listen(inherited_sockets& given) {
    if (by_.replace) {
        auto found = predecessor::of(*running_, given);
        if (!found) return "--replace: " + found.error();
        former_ = std::move(*found);
    }
    mta_.emplace("milter", "manager", *log_);
    if (auto const open = mta_->open(running_->sockets.manager, given); !open)
        return "failed to listen: " + open.error();
    metrics_.emplace("metrics", "metrics", *log_);
    if (auto const open = metrics_->open(running_->sockets.metrics, given); !open)
        return "failed to listen for metrics: " + open.error();
    return {};
}

// What only root may do, and then root no more.
std::string process::settle(std::optional<identity> const& who) {
    auto const& socket = *mta_->socket();
    if (socket.where.family == wire::endpoint::kind::unix_socket && socket.from != origin::service_manager)
        job_.socket = owned_file(socket.where.path);
    if (auto const& path = running_->fixed.pid_file) {
        job_.pid_file.use(*path);
        // A successor writes it when it serves.
        if (int const failed = former_ ? 0 : job_.pid_file.write()) return job_.pid_file.failure(failed);
    }
    auto table = launch_table_of(*running_, was_root_);
    bool const drops = who && who->uid != 0;
    if (auto why = start_launcher(std::move(table.commands), drops); !why.empty()) return why;
    mta_->remove_with([this] { return starter_->have(launch_ask::remove_socket); });
    if (drops) {
        auto why = drop_privileges(*who, socket.file_is_ours ? std::optional(socket.where) : std::nullopt);
        if (!why.empty()) return why;
    }
    say_what_is_odd(table.warnings);
    return {};
}

std::string process::start_launcher(std::vector<launch_command> commands, bool drops) {
    job_.commands = commands;
    launcher_process forked;
    if (drops || !commands.empty()) {
        auto made = fork_launcher(job_);
        if (!made) return made.error();
        forked = std::move(*made);
    }
    forked.as_root = was_root_;
    starter_.emplace(context_, *log_, std::move(forked), std::move(commands));
    return {};
}

void process::say_what_is_odd(std::vector<std::string> const& commands_not_run) {
    warn_about(*running_, *log_);
    for (auto const& one : commands_not_run)
        log_->event(level::warning, "setting_without_effect", {}, one);
    if (was_root_ && !running_->fixed.effective_user)
        log_->event(level::warning, "running_as_nobody", {{"user", "nobody"}},
                    "security.effective_user is not set; nobody may not use the sockets of most milters: set "
                    "it to a user that may, in the configuration or by --user");
    starter_->use(*running_);
}

bool process::serve(proxy::ruby_process ruby, background& away) {
    log_->event(level::info, "listening",
                {{"endpoint", mta_->socket()->where.text()},
                 {"children", std::to_string(running_->live.policy.children.size())}});
    asio::thread_pool afterwards(1); // a thread that was not root
    // Statements of their own: what is not used any more (Ruby, the first settings) goes at their ends.
    auto ruby_workers =
        workers_of(*running_, std::move(ruby), was_root_ && ::geteuid() != 0, *log_, afterwards);
    bool served = false;
    {
        auto with = settings_of(running_, std::move(ruby_workers), *log_);
        with.records = records_;
        house all(context_, signals_, running_, with, by_, *log_, afterwards, *mta_, *starter_);
        all.serve_control(*control_);
        all.serve_metrics(*metrics_);
        served = live(all, away);
    }
    afterwards.join();
    return served;
}

bool process::live(house& all, background& away) {
    all.start();
    bool const serves = !former_ || succeed(*former_, {&*mta_, &*control_, &*metrics_}, *log_);
    if (!serves) all.stop();
    if (former_ && serves && running_->fixed.pid_file) number_anew();
    if (serves) {
        away.serves();
        if (auto const path = handover_path(*running_))
            all.accept_successor(*path, [this] { job_.pid_file.leave(); });
    }
    all.run();
    return serves;
}

void process::number_anew() {
    if (int const failed = job_.pid_file.write())
        log_->event(level::error, "pid_file_failed", {{"error", job_.pid_file.failure(failed)}});
}

void process::close() {
    // What would end it has nothing to end any more: from here on it does not change the status either. There
    // is no other thread.
    sigset_t late;
    sigemptyset(&late);
    for (int const number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
        sigaddset(&late, number);
    ::pthread_sigmask(SIG_BLOCK, &late, nullptr);
    mta_->end();
    control_->end();
    metrics_->end();
    if (job_.pid_file.remove() != 0) starter_->have(launch_ask::remove_pid_file);
    log_->event(level::info, "stopped", {});
}

} // namespace

std::vector<config::complaint> complaints_about_start(config::snapshot const& what) {
    auto all = launch_table_of(what, ::geteuid() == 0).complaints;
    auto const who = serving_user(what.fixed); // one who is not known is told by serve()
    if (who && *who && (*who)->uid == 0)
        for (auto& one : complaints_about_root(what))
            all.push_back(std::move(one));
    return all;
}

int serve(shared_snapshot const& running, proxy::ruby_process ruby, options const& by,
          inherited_sockets given, background& away) {
    process all(running, by);
    if (auto const why = all.open(std::move(given)); !why.empty()) return fail(why);
    bool const served = all.serve(std::move(ruby), away);
    all.close();
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace milter::daemon
