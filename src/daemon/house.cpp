#include "daemon/house.hpp"

#include "config/built_in.hpp"
#include "daemon/capacity.hpp"
#include "daemon/in_force.hpp"
#include "daemon/notify.hpp"
#include "observe/exposition.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
using observe::level;

} // namespace

house::house(asio::io_context& context, asio::signal_set& signals, shared_snapshot const& running,
             proxy::settings const& with, options const& by, observe::log& log, asio::thread_pool& afterwards,
             listening_place& at, starter& of_children)
    : context_(context), signals_(signals), log_(log), afterwards_(afterwards), starter_(of_children),
      accounts_(std::make_shared<proxy::recent>(running->live.explain_messages)), records_(with.records),
      patience_(context), stop_timeout_(running->live.stop_timeout),
      children_(running->live.policy.children.size()), configured_(with),
      handover_(context, log,
                {[this] { return sockets(); },
                 [this](auto const& taken, pid_t successor) { leave(taken, successor); }}),
      heartbeat_(
          context, [this] { return status(); }, [this](auto const& answered) { ask_workers(answered); }),
      reload_(context, by, log, running, counters_.figures.process,
              {[this](auto const& fresh) { return prepare(fresh); },
               [this] {
                   for (auto const& one : places_)
                       one.place->roll_back();
               }},
              [this](auto const& fresh, auto ruby, auto const& done) {
                  put_in_force(fresh, std::move(ruby), done);
              }),
      revival_(context, log, [this] { reload_.ask(); }), desk_(context, log, by, *this),
      metrics_([this] { return metrics_page(); }, observe::exposition_type, log) {
    look_after(with.ruby);
    starter_.on_restart([this](auto const& child) { counters_.figures.child(child)->restarts.add(); });
    unsigned const n = worker_count(*running);
    auto const counting = counted(with);
    auto const place_free = [this] {
        for (auto const& one : workers_)
            one->resume_accepting();
    };
    for (unsigned i = 0; i < n; ++i)
        workers_.push_back(
            std::make_unique<proxy::worker>(at.duplicate(), counting, log_, counters_, health_, place_free));
    listens_at(at, &config::sockets::manager, [this, &at] {
        for (auto const& one : workers_)
            one->listen(at.duplicate());
    });
}

void house::listens_at(listening_place& place, config::listening config::sockets::*wanted,
                       std::function<void()> moved) {
    places_.push_back({&place, wanted, std::move(moved)});
}

void house::serve_metrics(listening_place& at) {
    auto const move = [this, &at] { metrics_.listen(at.duplicate()); };
    listens_at(at, &config::sockets::metrics, move);
    move();
}

// On the thread that serves it.
std::string house::metrics_page() const {
    // Ended ones first: there are never more of them than begun ones.
    observe::outside now;
    now.sessions_ended = counters_.sessions_ended.load();
    now.sessions_begun = counters_.sessions_begun.load();
    now.log_lines_dropped = log_.dropped();
    now.version = config::built_in::version;
    if constexpr (config::built_in::has_metrics)
        return observe::exposition_of(counters_.figures.collect(now));
    return {};
}

void house::start() {
    still_running_ = workers_.size();
    for (auto const& one : workers_)
        one->start([this] { asio::post(context_, [this] { worker_done(); }); });
    wait_for_signal();
}

void house::accept_successor(std::string const& path, std::function<void()> left) {
    left_ = std::move(left);
    handover_.open(path);
}

void house::run() {
    notify::ready();
    heartbeat_.start();
    context_.run();
}

void house::wait_for_signal() {
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

void house::reopen_log() {
    log_.reopen();
    log_.event(level::info, "log_reopened", {});
}

void house::stop() {
    if (stopping_) return stop_sessions("a second signal");
    notify::stopping();
    begin_to_stop("no new sessions; those in flight may finish");
    for (auto const& one : workers_)
        one->stop_idle_sessions(); // a successor would not need them to hurry
}

void house::begin_to_stop(std::string_view why) {
    stopping_ = true;
    log_.event(level::info, "stopping", {}, why);
    reload_.stop();
    revival_.stop();
    handover_.refuse("it is about to end");
    handover_.close();
    for (auto const& one : places_)
        one.place->close();
    metrics_.listen(-1);
    for (auto const& one : workers_)
        one->stop_accepting();
    patience_.expires_after(stop_timeout_);
    patience_.async_wait([this](boost::system::error_code passed) {
        if (!passed) stop_sessions("sessions were still in flight after manager.stop_timeout");
    });
}

std::vector<config::complaint> house::prepare(config::snapshot const& fresh) {
    std::vector<config::complaint> wrong;
    for (auto const& one : places_)
        if (auto ready = one.place->prepare(fresh.sockets.*one.wanted, fresh.locations); !ready)
            wrong.push_back(std::move(ready.error()));
    if (!wrong.empty())
        for (auto const& one : places_)
            one.place->roll_back();
    return wrong;
}

void house::move() {
    bool any = false;
    for (auto const& one : places_) {
        if (!one.place->commit()) continue;
        one.moved();
        any = true;
    }
    if (any) handover_.refuse("its sockets are others now");
}

std::vector<handed_socket> house::sockets() const {
    std::vector<handed_socket> all;
    for (auto const& one : places_)
        if (auto const* const it = one.place->socket())
            all.push_back({one.place->name(), it->where, it->file_is_ours, it->descriptor.number()});
    return all;
}

void house::leave(std::vector<std::string> const& taken, pid_t by) {
    for (auto const& one : places_)
        if (std::find(taken.begin(), taken.end(), one.place->name()) != taken.end())
            one.place->leave_to_successor();
    left_();
    notify::main_process(by);
    desk_.listen(-1); // the other one answers there
    begin_to_stop("another program has the sockets; sessions in flight may finish here");
}

void house::ask_workers(std::function<void()> const& all_answered) {
    auto const left = std::make_shared<std::size_t>(workers_.size()); // counted on the main thread
    auto const one_answered = [left, all_answered] {
        if (--*left == 0) all_answered();
    };
    for (auto const& one : workers_)
        one->ask([this, one_answered] { asio::post(context_, one_answered); });
}

std::string house::status() const {
    return std::to_string(children_) + " children, " + std::to_string(counters_.sessions_open.load()) +
           " sessions open, " + std::to_string(counters_.sessions_ended.load()) + " ended";
}

void house::put_in_force(shared_snapshot const& fresh, proxy::ruby_process ruby,
                         std::function<void()> const& done) {
    move();
    stop_timeout_ = fresh->live.stop_timeout;
    children_ = fresh->live.policy.children.size();
    accounts_->allow(fresh->live.explain_messages);
    health_.keep_only(fresh->live.policy.children);
    starter_.use(*fresh);
    configured_ = settings_of(fresh, workers_of(*fresh, std::move(ruby), false, log_, afterwards_), log_);
    look_after(configured_.ruby);
    revival_.replaced();
    left_out_.clear();
    use_settings(done);
}

void house::use_settings(std::function<void()> const& done) {
    auto with = configured_;
    if (!left_out_.empty())
        with.rules = std::make_shared<core::policy const>(control::without(*with.rules, left_out_));
    with = counted(std::move(with));
    for (auto const& one : workers_)
        one->use(with, [] {});
    ask_workers(done); // behind that
}

void house::leave_out(std::string const& child, bool out, std::function<void()> const& done) {
    if (out)
        left_out_.insert(child);
    else
        left_out_.erase(child);
    use_settings(done);
}

void house::serve_control(listening_place& at) {
    listens_at(at, &config::sockets::controller, [this, &at] { desk_.listen(at.duplicate()); });
    desk_.listen(at.duplicate());
}

void house::end(bool at_once) {
    if (!stopping_) stop();
    if (at_once) stop_sessions("the controller has asked for it");
}

void house::look(std::size_t most, std::function<void(std::vector<proxy::sight>)> const& seen) {
    for (auto const& one : workers_)
        one->look(most, [this, seen](std::vector<proxy::sight> all) {
            asio::post(context_, [seen, all = std::move(all)]() mutable { seen(std::move(all)); });
        });
}

// Children that this configuration has not got are forgotten with the last session that has them.
proxy::settings house::counted(proxy::settings with) {
    with.figures = std::make_shared<proxy::meter>(counters_.figures, *with.rules);
    with.accounts = accounts_;
    with.records = records_;
    return with;
}

// The loss of workers that only older sessions know is none.
void house::look_after(std::shared_ptr<proxy::ruby_workers> const& ruby) {
    auto const load = ++load_;
    if (!ruby) return;
    ruby->when_gone([this, load] {
        asio::post(context_, [this, load] {
            if (load == load_) revival_.lost();
        });
    });
}

void house::stop_sessions(std::string_view why) {
    log_.event(level::warning, "sessions_ended", {}, why);
    for (auto const& one : workers_)
        one->stop_sessions();
}

void house::worker_done() {
    if (--still_running_ > 0) return;
    signals_.cancel();
    patience_.cancel();
    heartbeat_.stop();
    desk_.stop();
    starter_.stop();
}

} // namespace milter::daemon
