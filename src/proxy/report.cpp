#include "proxy/report.hpp"

#include <chrono>
#include <vector>

#include <fmt/format.h>

namespace milter::proxy {

namespace {

using observe::field;
using observe::level;

std::string in_ms(core::microseconds time) {
    return fmt::format("{:.1f}", std::chrono::duration<double, std::milli>(time).count());
}

std::string result_of(std::string const& child, core::child_result const& one) {
    auto text = fmt::format("{}:{}:{}ms", child, one.said, in_ms(one.took));
    if (one.said == "skipped") text += fmt::format(":{}", one.skipped_by);
    return text;
}

} // namespace

report::report(observe::log& log, core::policy const& rules, std::uint64_t session)
    : log_(log), rules_(rules), session_(session) {}

void report::operator()(core::child_failed const& what) {
    std::string reason(core::describe(what.why));
    if (!what.detail.empty()) reason += ": " + what.detail;
    auto const& rules = rules_.children[what.child];
    std::vector<field> fields{{"session", std::to_string(session_)},
                              {"child", rules.name},
                              {"endpoint", rules.where.text()},
                              {"stage", std::string(core::name_of(what.at))}};
    if (!what.queue_id.empty()) fields.push_back({"queue_id", what.queue_id});
    fields.push_back({"reason", reason});
    if (rules.evaluation_mode)
        fields.push_back({"evaluation_mode", "true"});
    else
        fields.push_back({"fallback", std::string(core::name_of(what.costs))});
    log_.event(level::warning, "child_failed", fields);
}

void report::operator()(core::oddity const& what) {
    std::vector<field> fields{{"session", std::to_string(session_)},
                              {"stage", std::string(core::name_of(what.at))}};
    if (what.child) fields.push_back({"child", name_of(*what.child)});
    log_.event(level::warning, what.child ? "child_oddity" : "mta_oddity", fields, what.text);
}

void report::operator()(core::message_done const& what) {
    if (!log_.wants(level::message)) return;
    std::string children;
    for (std::size_t i = 0; i < what.children.size(); ++i) {
        if (!children.empty()) children += ' ';
        children += result_of(rules_.children[i].name, what.children[i]);
    }
    std::vector<field> fields{{"session", std::to_string(session_)}};
    if (!what.queue_id.empty()) fields.push_back({"queue_id", what.queue_id});
    fields.push_back({"sender", what.sender});
    fields.push_back({"recipients", std::to_string(what.recipients)});
    if (what.refused_recipients > 0)
        fields.push_back({"refused_recipients", std::to_string(what.refused_recipients)});
    fields.push_back({"size", std::to_string(what.size)});
    fields.push_back({"stage", std::string(core::name_of(what.at))});
    fields.push_back({"verdict", what.aborted ? "aborted" : std::string(core::name_of(what.said))});
    if (what.said.text && !what.aborted) fields.push_back({"reply", what.said.text->text()});
    if (what.decided_by) fields.push_back({"decided_by", name_of(*what.decided_by)});
    fields.push_back({"children", std::move(children)});
    log_.event(level::message, "message_done", fields);
}

void report::operator()(core::session_decided const& what) {
    std::vector<field> fields{{"session", std::to_string(session_)},
                              {"stage", std::string(core::name_of(what.at))},
                              {"verdict", std::string(core::name_of(what.said))}};
    if (what.said.text) fields.push_back({"reply", what.said.text->text()});
    fields.push_back({"decided_by", name_of(what.by)});
    log_.event(level::message, "session_refused", fields);
}

void report::operator()(core::evaluated const& what) {
    std::vector<field> fields{{"session", std::to_string(session_)}, {"child", name_of(what.child)}};
    if (!what.queue_id.empty()) fields.push_back({"queue_id", what.queue_id});
    fields.push_back({"verdict", what.result.said});
    fields.push_back({"edits", std::to_string(what.result.edits)});
    fields.push_back({"elapsed_ms", in_ms(what.result.took)});
    log_.event(level::message, "child_evaluated", fields);
}

void report::operator()(core::session_refused const& what) {
    log_.event(level::warning, "mta_refused", {{"session", std::to_string(session_)}, {"reason", what.text}},
               "the connection is closed");
}

void report::connection_replaced(core::child_index child) {
    log_.event(level::info, "pool_connection_replaced",
               {{"session", std::to_string(session_)}, {"child", name_of(child)}});
}

void report::block_failed(core::child_index child, std::string const& text) {
    log_.event(level::warning, "condition_failed",
               {{"session", std::to_string(session_)}, {"child", name_of(child)}, {"error", text}},
               "it does not stop the child");
}

void report::odd(std::string const& text) {
    log_.event(level::warning, "session_oddity", {{"session", std::to_string(session_)}}, text);
}

void report::mta_lost(std::string_view why, std::string_view detail) {
    std::string reason(why);
    if (!detail.empty()) reason.append(": ").append(detail);
    log_.event(level::warning, "mta_lost", {{"session", std::to_string(session_)}, {"reason", reason}});
}

} // namespace milter::proxy
