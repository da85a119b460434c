#include "daemon/control/status.hpp"

#include "observe/log.hpp"

#include <cmath>

namespace milter::daemon::control {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_text = 255; // bytes, of what a peer has said

// Valid UTF-8, one line, cut.
std::string shown(std::string const& said) {
    return observe::escaped(std::string_view(said).substr(0, longest_text));
}

double rounded(std::chrono::duration<double> time) {
    return std::round(time.count() * 10) / 10;
}

double in_ms(std::chrono::microseconds time) {
    return std::round(static_cast<double>(time.count()) / 10) / 100;
}

// Words that have not occurred are left out.
template <class Counts>
json::object counts(Counts const& all) {
    json::object made;
    for (auto const& [word, count] : all)
        if (count > 0) made[word] = count;
    return made;
}

json::object child_json(child_shown const& one) {
    json::object made{{"name", one.name},
                      {"endpoint", one.endpoint},
                      {"state", one.state},
                      {"evaluation_mode", one.evaluation_mode}};
    if (!one.counted) return made;
    auto const& figures = *one.counted;
    made["in_flight"] = figures.in_flight;
    made["answers"] = figures.answers;
    made["verdicts"] = counts(figures.verdicts);
    made["failures"] = counts(figures.failures);
    made["fallbacks"] = counts(figures.fallbacks);
    made["skips"] = counts(figures.skips);
    made["restarts"] = figures.restarts;
    made["latency_ms"] =
        json::object{{"p50", in_ms(figures.p50)}, {"p90", in_ms(figures.p90)}, {"p99", in_ms(figures.p99)}};
    return made;
}

} // namespace

json::object as_json(process_figures const& process, std::vector<child_shown> const& children) {
    json::array all;
    for (auto const& one : children)
        all.push_back(child_json(one));
    return {{"version", process.version},
            {"pid", process.pid},
            {"state", process.stopping ? "stopping" : "running"},
            {"uptime_s", rounded(process.uptime)},
            {"configuration_age_s", rounded(process.configuration_age)},
            {"reloads", json::object{{"done", process.reloads_done}, {"failed", process.reloads_failed}}},
            {"sessions", json::object{{"open", process.sessions_open},
                                      {"begun", process.sessions_begun},
                                      {"ended", process.sessions_ended}}},
            {"log_level", process.log_level},
            {"children", std::move(all)}};
}

json::array as_json(std::vector<proxy::sight> const& sessions) {
    json::array all;
    for (auto const& one : sessions) {
        json::array children;
        for (auto const& name : one.children)
            children.push_back(json::string(name));
        all.push_back(json::object{{"session", one.session},
                                   {"age_ms", one.age.count()},
                                   {"client", shown(one.client)},
                                   {"host", shown(one.host)},
                                   {"stage", one.stage},
                                   {"sender", shown(one.sender)},
                                   {"queue_id", shown(one.queue_id)},
                                   {"waiting_for", one.waits},
                                   {"children", std::move(children)}});
    }
    return all;
}

json::array as_json(std::vector<config::complaint> const& complaints) {
    json::array all;
    for (auto const& one : complaints)
        all.push_back(json::object{{"where", one.where}, {"what", one.what}});
    return all;
}

json::array as_json(std::vector<config::change> const& changes) {
    json::array all;
    for (auto const& one : changes)
        all.push_back(json::object{{"setting", one.name},
                                   {"value", one.value},
                                   {"where", one.where},
                                   {"restart_needed", one.needs_restart}});
    return all;
}

} // namespace milter::daemon::control
