#include "daemon/control/desk.hpp"

#include "config/built_in.hpp"
#include "config/show.hpp"
#include "config/xml.hpp"
#include "daemon/control/custom_file.hpp"
#include "daemon/control/roll_call.hpp"
#include "daemon/control/status.hpp"
#include "daemon/explain/table.hpp"
#include "daemon/house.hpp"
#include "daemon/in_force.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace milter::daemon::control {

namespace {

namespace json = boost::json;
using observe::level;

constexpr std::size_t most_sessions = 1000; // in one answer
constexpr std::chrono::milliseconds roll_call_patience{1'000};

// Tests cannot wait for a minute.
limits usual_limits() {
    limits usual;
    char const* const text = std::getenv("MILTER_MANAGER_CONTROL_IDLE_MS");
    std::string_view const digits = text ? text : "";
    std::int64_t ms = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
    if (error == std::errc{} && end == digits.data() + digits.size() && ms > 0)
        usual.idle = std::chrono::milliseconds(ms);
    return usual;
}

answer refused(std::string why) {
    return {false, std::move(why), {}};
}

// One line for those who show no list.
answer refused(std::string_view what, std::vector<config::complaint> const& complaints) {
    auto text = fmt::format("{}: {}", what, complaints.front().text());
    if (complaints.size() > 1) text += fmt::format(" (and {} more)", complaints.size() - 1);
    return {false, std::move(text), {{"complaints", as_json(complaints)}}};
}

answer of_reload(reload::outcome const& became) {
    if (!became.complaints.empty()) return refused("nothing has changed", became.complaints);
    return {true, {}, {{"changes", as_json(became.changes)}}};
}

} // namespace

desk::desk(boost::asio::io_context& main, observe::log& log, options const& by, house& of)
    : main_(main), log_(log), by_(by), house_(of),
      server_(main, log, usual_limits(), [this](request what, asker const& who, server::reply tell) {
          carry_out(std::move(what), who, std::move(tell));
      }) {}

desk::~desk() {
    stop();
}

void desk::stop() {
    server_.stop();
    judge_.request_stop();
}

void desk::carry_out(request what, asker const& who, server::reply tell) {
    if (changes_something(what.what)) note(what, who);
    switch (what.what) {
    case command::ping:
        return tell({});
    case command::version:
        return tell({true, {}, {{"version", config::built_in::version}}});
    case command::status:
        return tell(status());
    case command::sessions:
        return show_sessions(what, std::move(tell));
    case command::explain:
        return tell(explain(what.argument));
    case command::reload:
        return load_again(what, std::move(tell));
    case command::stop:
        return end(what, tell);
    case command::get_log_level:
        return tell(current_log_level());
    case command::set_log_level:
        return tell(set_log_level(what.argument));
    case command::disable:
    case command::enable:
        return leave_out(what, what.what == command::disable, std::move(tell));
    case command::configuration:
        return tell({true, {}, {{"text", config::show(*house_.running())}}});
    case command::get_xml:
        return tell({true, {}, {{"text", config::as_xml(*house_.running())}}});
    case command::set_xml:
        return save(std::move(what.argument), std::move(tell));
    }
}

// Whoever changes something is in the log, whether it succeeds or not.
void desk::note(request const& what, asker const& who) {
    std::vector<observe::field> fields{{"command", std::string(name_of(what.what))}};
    bool const of_child = what.what == command::disable || what.what == command::enable;
    if (of_child) fields.push_back({"child", what.argument});
    if (what.what == command::set_log_level) fields.push_back({"levels", what.argument});
    if (!who.user.empty()) fields.push_back({"user", who.user});
    if (!who.pid.empty()) fields.push_back({"pid", who.pid});
    if (!who.endpoint.empty()) fields.push_back({"endpoint", who.endpoint});
    log_.event(level::message, "control_command", fields);
}

answer desk::status() const {
    auto const& counters = house_.counters();
    process_figures process;
    process.version = config::built_in::version;
    process.pid = ::getpid();
    process.stopping = house_.is_stopping();
    process.uptime = std::chrono::steady_clock::now() - began_;
    process.configuration_age = counters.figures.process.configured.elapsed();
    process.reloads_done = counters.figures.process.reloads_done.value();
    process.reloads_failed = counters.figures.process.reloads_failed.value();
    process.sessions_begun = counters.sessions_begun;
    process.sessions_ended = counters.sessions_ended;
    process.sessions_open = counters.sessions_open;
    process.log_level = log_level();
    auto const counted = counters.figures.children();
    std::vector<child_shown> children;
    for (auto const& one : house_.running()->live.policy.children) {
        child_shown shown{one.name, one.where.text(), "ok", one.evaluation_mode, {}};
        if (house_.left_out().contains(one.name))
            shown.state = "disabled";
        else if (house_.health().is_left_alone(one))
            shown.state = "left_alone";
        for (auto const& figures : counted)
            if (figures.name == one.name) shown.counted = figures;
        children.push_back(std::move(shown));
    }
    return {true, {}, as_json(process, children)};
}

answer desk::explain(std::string const& message) const {
    auto const& accounts = house_.accounts();
    if (!accounts.wanted())
        return refused("no message is remembered: manager.explain_messages is 0 in the configuration");
    if (auto const found = accounts.find(message))
        return {true,
                {},
                {{"message", daemon::explain::as_json(*found)}, {"text", daemon::explain::table_of(*found)}}};
    return refused(fmt::format("no message \"{}\" among the last {}; it may not be over yet, or be older",
                               observe::escaped(message), house_.running()->live.explain_messages));
}

void desk::show_sessions(request const& what, server::reply tell) {
    auto const most = what.limit > 0 ? std::min(what.limit, most_sessions) : most_sessions;
    auto const open = house_.counters().sessions_open.load();
    auto const call = std::make_shared<roll_call>(
        main_, house_.n_workers(), most, [tell = std::move(tell), open](roll_call::result all) {
            json::object more{{"open", open}, {"sessions", as_json(all.sessions)}};
            if (all.silent > 0) more["silent_threads"] = all.silent;
            tell({true, {}, std::move(more)});
        });
    call->begin(roll_call_patience);
    house_.look(most, [call](std::vector<proxy::sight> some) { call->answered(std::move(some)); });
}

void desk::load_again(request const& what, server::reply tell) {
    if (what.answer_early) {
        tell({});
        return house_.load_again({});
    }
    house_.load_again([tell = std::move(tell)](reload::outcome const& became) { tell(of_reload(became)); });
}

// Answered first: with its last session the process ends.
void desk::end(request const& what, server::reply const& tell) {
    auto const open = house_.counters().sessions_open.load();
    tell({true, {}, {{"open", open}}});
    boost::asio::post(main_, [this, now = what.now] { house_.end(now); });
}

void desk::leave_out(request const& what, bool out, server::reply tell) {
    auto const& children = house_.running()->live.policy.children;
    auto const& milters = house_.running()->milters;
    auto const& name = what.argument;
    bool const runs =
        std::any_of(children.begin(), children.end(), [&](auto const& one) { return one.name == name; });
    bool const is_known =
        std::any_of(milters.begin(), milters.end(), [&](auto const& one) { return one.child.name == name; });
    if (house_.is_stopping()) return tell(refused("the process is ending"));
    if (!runs && is_known)
        return tell(refused(fmt::format("{} is not enabled in the configuration; set its milter.enabled",
                                        observe::escaped(name))));
    if (!runs) return tell(refused(fmt::format("there is no milter \"{}\"", observe::escaped(name))));
    house_.leave_out(name, out, [tell = std::move(tell)] { tell({}); });
}

std::string desk::log_level() const {
    std::uint16_t bits = 0;
    for (std::uint16_t bit = 1; observe::levels::all().has(static_cast<level>(bit));
         bit = static_cast<std::uint16_t>(bit << 1))
        if (log_.wants(static_cast<level>(bit))) bits |= bit;
    return observe::levels(bits).text();
}

answer desk::current_log_level() const {
    return {true, {}, {{"level", log_level()}}};
}

answer desk::set_log_level(std::string const& text) {
    auto const now = observe::levels::parse(log_level());
    auto const wanted = observe::levels::parse(text, *now);
    if (!wanted) return refused(wanted.error());
    auto to = log_settings_of(*house_.running());
    to.console = *wanted;
    to.syslog.reset();
    if (auto const changed = log_.change(to); !changed) return refused(changed.error());
    return current_log_level();
}

// One at a time: what is judged must be what is saved.
void desk::save(std::string xml, server::reply tell) {
    if (std::exchange(saving_, true)) return tell(refused("another configuration is being judged"));
    auto const running = house_.running();
    judge_ = std::jthread(
        [this, xml = std::move(xml), by = by_, running, tell = std::move(tell)](std::stop_token stop) {
            answer made;
            try {
                auto const saved = save_custom_file(xml, by, *running, std::move(stop));
                made = saved ? answer{true, {}, {{"path", *saved}}}
                             : refused("failed to save custom configuration file", saved.error());
            } catch (std::exception const& wrong) {
                made = refused(std::string("failed to save custom configuration file: ") + wrong.what());
            }
            boost::asio::post(main_, [this, tell, made = std::move(made)] {
                saving_ = false;
                tell(made);
            });
        });
}

} // namespace milter::daemon::control
