#include "daemon/reload.hpp"

#include "config/blocks.hpp"
#include "daemon/in_force.hpp"
#include "daemon/notify.hpp"
#include "daemon/privilege.hpp"

#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <boost/asio/post.hpp>

namespace milter::daemon {

namespace {

using observe::level;

// On the thread of the evaluation. What the machine refuses (a process, a pipe) is a complaint here.
loaded load_or_complain(options const& by, std::stop_token stop) {
    try {
        auto what = load(by, std::move(stop));
        if (what.result && config::runs_blocks(*what.result)) return what;
        auto const unused = std::move(what.ruby); // it takes its time to end
        return what;
    } catch (std::exception const& refused) {
        return {tl::unexpected(std::vector{config::complaint{"reload", refused.what()}}), {}, {}};
    }
}

void say_lines(std::string_view text, observe::log& log) {
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        log.event(level::warning, "configuration_printed", {}, text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::string place_of(config::snapshot const& in, std::string_view setting) {
    auto const found = in.locations.find(setting);
    return found == in.locations.end() ? "default" : found->second;
}

reload::outcome ending() {
    return {{{"reload", "the process is ending; nothing has changed"}}, {}};
}

} // namespace

reload::reload(boost::asio::io_context& main, options by, observe::log& log, shared_snapshot running,
               observe::process_meter& figures, preparation prepare, put_in_force swap)
    : main_(main), by_(std::move(by)), log_(log), running_(std::move(running)), figures_(figures),
      prepare_(std::move(prepare)), swap_(std::move(swap)) {}

void reload::ask(on_outcome tell) {
    if (stopped_) {
        if (tell) tell(ending());
        return;
    }
    bool const later = std::exchange(under_way_, true);
    if (tell) (later ? next_ : waiting_).push_back(std::move(tell));
    if (later)
        again_ = true;
    else
        begin();
}

void reload::stop() {
    stopped_ = true;
    evaluation_.request_stop();
    waiting_.insert(waiting_.end(), next_.begin(), next_.end());
    next_.clear();
    tell_all(ending());
}

void reload::tell_all(outcome const& what) {
    for (auto const& tell : std::exchange(waiting_, {}))
        tell(what);
}

void reload::begin() {
    notify::reloading();
    log_.event(level::info, "reloading", {});
    evaluation_ = std::jthread([this](std::stop_token stop) {
        auto what = std::make_shared<daemon::loaded>(load_or_complain(by_, std::move(stop)));
        boost::asio::post(main_, [this, what = std::move(what)] { loaded(std::move(*what)); });
    });
}

void reload::loaded(daemon::loaded what) {
    evaluation_.join(); // it has nothing left to do
    if (stopped_) return;
    say_lines(what.printed, log_);
    if (!what.result) return refuse(what.result.error());
    if (!what.result->sockets.manager.where)
        return refuse({{"manager.connection_spec", "is nil; to serve, a socket for the MTA is needed"}});
    if (::geteuid() == 0)
        if (auto const complaints = complaints_about_root(*what.result); !complaints.empty())
            return refuse(complaints);
    apply(std::move(*what.result), std::move(what.ruby));
}

void reload::refuse(std::vector<config::complaint> const& complaints) {
    figures_.reloads_failed.add();
    for (auto const& one : complaints)
        log_.event(level::error, "configuration_wrong", {{"path", one.where}}, one.what);
    log_.event(level::error, "reload_failed", {{"count", std::to_string(complaints.size())}},
               "nothing has changed: the configuration that was in force stays in force");
    done({complaints, {}});
}

// What needs a restart stays as it was at the start, also for the comparison with the next one.
void reload::apply(config::snapshot fresh, proxy::ruby_process ruby) {
    auto const changes = config::difference(*running_, fresh);
    if (auto const wrong = prepare_.begin(fresh); !wrong.empty()) return refuse(wrong);
    if (auto const changed = log_.change(log_settings_of(fresh)); !changed) {
        prepare_.give_up();
        return refuse({{place_of(fresh, "log.path"), changed.error()}});
    }
    config::keep_what_needs_restart(fresh, *running_);
    running_ = std::make_shared<config::snapshot const>(std::move(fresh));
    std::size_t count = 0;
    for (auto const& one : changes) {
        std::initializer_list<observe::field> const fields{
            {"setting", one.name}, {"value", one.value}, {"path", one.where}};
        if (one.needs_restart)
            log_.event(level::warning, "restart_needed", fields,
                       "everything else takes effect; this keeps its old value until a restart");
        else
            log_.event(level::info, "setting_changed", fields);
        count += one.needs_restart ? 0 : 1;
    }
    warn_about(*running_, log_);
    swap_(running_, std::move(ruby), [this, count, changes] {
        figures_.reloads_done.add();
        figures_.configured.restart();
        log_.event(level::info, "reloaded",
                   {{"count", std::to_string(count)},
                    {"children", std::to_string(running_->live.policy.children.size())}});
        done({{}, changes});
    });
}

void reload::done(outcome const& what) {
    notify::ready();
    tell_all(what);
    waiting_.swap(next_);
    under_way_ = std::exchange(again_, false);
    if (under_way_ && !stopped_) begin();
}

} // namespace milter::daemon
