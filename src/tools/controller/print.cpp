#include "tools/controller/print.hpp"

#include "tools/controller/table.hpp"

#include <algorithm>
#include <cstdint>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace milter::tools::controller {

namespace {

namespace json = boost::json;

json::value const& member(json::object const& from, std::string_view name) {
    static json::value const nothing;
    auto const* const found = from.if_contains(name);
    return found ? *found : nothing;
}

json::object const& object(json::object const& from, std::string_view name) {
    static json::object const none;
    auto const* const found = member(from, name).if_object();
    return found ? *found : none;
}

json::array const& array(json::object const& from, std::string_view name) {
    static json::array const none;
    auto const* const found = member(from, name).if_array();
    return found ? *found : none;
}

double number(json::object const& from, std::string_view name) {
    auto const& found = member(from, name);
    return found.is_number() ? found.to_number<double>() : 0;
}

std::string count(json::object const& from, std::string_view name) {
    return fmt::format("{:.0f}", number(from, name));
}

double sum(json::object const& of) {
    double all = 0;
    for (auto const& [word, value] : of)
        all += number(of, word);
    return all;
}

// "2 d 3 h", "4 min 5 s", "1.5 s".
std::string duration(double seconds) {
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    auto const whole = static_cast<std::int64_t>(seconds);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    if (whole < 86'400) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
    return fmt::format("{} d {} h", whole / 86'400, whole / 3600 % 24);
}

double refused(json::object const& child) {
    auto const& verdicts = object(child, "verdicts");
    return sum(verdicts) - number(verdicts, "pass") - number(verdicts, "accept");
}

std::string state(json::object const& child) {
    auto text = text_of(child, "state");
    std::replace(text.begin(), text.end(), '_', ' ');
    auto const* const mode = member(child, "evaluation_mode").if_bool();
    return mode && *mode ? text + ", evaluated" : text;
}

std::string latency(json::object const& child, std::string_view quantile) {
    auto const& all = object(child, "latency_ms");
    if (number(child, "answers") == 0) return "-";
    return fmt::format("{:.1f}", number(all, quantile));
}

json::object const* child_named(json::object const& answer, std::string const& name) {
    for (auto const& one : array(answer, "children"))
        if (auto const* const child = one.if_object(); child && text_of(*child, "name") == name) return child;
    return nullptr;
}

// before: the same child earlier; nothing: no column of rates.
void add_row(table& to, json::object const& child, json::object const* before, double seconds, bool rates) {
    std::vector<std::string> cells{text_of(child, "name"), state(child), count(child, "in_flight"),
                                   count(child, "answers")};
    if (rates) {
        auto const more = before ? number(child, "answers") - number(*before, "answers") : 0;
        cells.push_back(before && seconds > 0 ? fmt::format("{:.1f}", std::max(0.0, more) / seconds) : "-");
    }
    cells.push_back(fmt::format("{:.0f}", refused(child)));
    cells.push_back(fmt::format("{:.0f}", sum(object(child, "failures"))));
    cells.push_back(fmt::format("{:.0f}", sum(object(child, "skips"))));
    for (auto const* quantile : {"p50", "p90", "p99"})
        cells.push_back(latency(child, quantile));
    to.add(std::move(cells));
}

std::string children_table(json::object const& answer, json::object const& before, double seconds,
                           bool rates) {
    std::vector<std::string> names{"CHILD", "STATE", ">WAITED FOR", ">ANSWERS"};
    if (rates) names.emplace_back(">/s");
    for (auto const* more : {">REFUSED", ">FAILED", ">SKIPPED", ">p50 ms", ">p90 ms", ">p99 ms"})
        names.emplace_back(more);
    table shown(std::move(names));
    bool any = false;
    for (auto const& one : array(answer, "children"))
        if (auto const* const child = one.if_object()) {
            add_row(shown, *child, child_named(before, text_of(*child, "name")), seconds, rates);
            any = true;
        }
    return any ? shown.text() : "No milter is configured.\n";
}

std::string words(json::object const& counts) {
    std::string text;
    for (auto const& [word, value] : counts)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", safe(word), count(counts, word));
    return text;
}

// What lies behind the figures of the table.
std::string details(json::object const& child) {
    std::string text;
    for (auto const* kind : {"verdicts", "failures", "fallbacks", "skips"}) {
        auto const& counts = object(child, kind);
        if (counts.empty()) continue;
        std::string_view const says = kind;
        std::string_view const title = says == "failures" ? "failed" : says == "skips" ? "skipped" : says;
        text += fmt::format("  {}: {}: {}\n", text_of(child, "name"), title, words(counts));
    }
    return text;
}

std::string head(json::object const& answer) {
    auto const& sessions = object(answer, "sessions");
    auto const& reloads = object(answer, "reloads");
    return fmt::format("milter-manager {}, process {}, {} for {}\n"
                       "Configuration: in force for {}; reloads: {} done, {} failed\n"
                       "Sessions: {} open, {} begun, {} ended\n",
                       text_of(answer, "version"), count(answer, "pid"), text_of(answer, "state"),
                       duration(number(answer, "uptime_s")), duration(number(answer, "configuration_age_s")),
                       count(reloads, "done"), count(reloads, "failed"), count(sessions, "open"),
                       count(sessions, "begun"), count(sessions, "ended"));
}

std::string waits(json::object const& session) {
    auto const word = text_of(session, "waiting_for");
    if (word == "mta") return "the MTA";
    if (word != "children") return word == "conditions" ? "a condition" : word;
    std::string names;
    for (auto const& one : array(session, "children"))
        if (auto const* const name = one.if_string())
            names += (names.empty() ? "" : ", ") + safe(std::string_view(name->data(), name->size()));
    return names;
}

} // namespace

std::string safe(std::string_view text) {
    std::string made(text);
    std::replace_if(
        made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
        '?');
    return made;
}

std::string text_of(json::object const& from, std::string_view name) {
    auto const* const found = member(from, name).if_string();
    return found ? safe(std::string_view(found->data(), found->size())) : std::string();
}

std::string status_text(json::object const& answer) {
    auto text = head(answer) + fmt::format("Log level: {}\n\n", text_of(answer, "log_level")) +
                children_table(answer, {}, 0, false);
    std::string more;
    for (auto const& one : array(answer, "children"))
        if (auto const* const child = one.if_object()) more += details(*child);
    return more.empty() ? text : text + "\n" + more;
}

std::string sessions_text(json::object const& answer) {
    auto const& sessions = array(answer, "sessions");
    table shown({">SESSION", ">AGE", "CLIENT", "STAGE", "QUEUE ID", "SENDER", "WAITS FOR"});
    for (auto const& one : sessions) {
        auto const* const session = one.if_object();
        if (!session) continue;
        shown.add({count(*session, "session"), duration(number(*session, "age_ms") / 1000),
                   text_of(*session, "client"), text_of(*session, "stage"), text_of(*session, "queue_id"),
                   text_of(*session, "sender"), waits(*session)});
    }
    auto text = sessions.empty() ? std::string("No session is running.\n") : shown.text();
    auto const open = number(answer, "open");
    if (open > static_cast<double>(sessions.size()))
        text += fmt::format("{} of {:.0f} sessions are shown.\n", sessions.size(), open);
    if (auto const silent = number(answer, "silent_threads"); silent > 0)
        text +=
            fmt::format("{:.0f} threads have not answered in time; their sessions are missing.\n", silent);
    return text;
}

std::string reload_text(json::object const& answer) {
    auto const& changes = array(answer, "changes");
    auto text = fmt::format("The configuration is in force; {} changed.\n", changes.size());
    for (auto const& one : changes) {
        auto const* const change = one.if_object();
        if (!change) continue;
        auto const where = text_of(*change, "where");
        auto const* const restart = member(*change, "restart_needed").if_bool();
        text += fmt::format("  {} = {}{}{}\n", text_of(*change, "setting"), text_of(*change, "value"),
                            where.empty() ? "" : " (" + where + ")",
                            restart && *restart ? ": keeps its old value until a restart" : "");
    }
    return text;
}

std::string complaints_text(json::object const& answer) {
    std::string text;
    for (auto const& one : array(answer, "complaints"))
        if (auto const* const complaint = one.if_object())
            text += fmt::format("{}: {}\n", text_of(*complaint, "where"), text_of(*complaint, "what"));
    return text;
}

std::string top_text(json::object const& answer, json::object const& before, double seconds) {
    auto text = head(answer);
    if (seconds > 0) {
        auto const ended =
            number(object(answer, "sessions"), "ended") - number(object(before, "sessions"), "ended");
        text += fmt::format("Sessions a second: {:.1f}\n", std::max(0.0, ended) / seconds);
    }
    return text + "\n" + children_table(answer, before, seconds, seconds > 0);
}

} // namespace milter::tools::controller
