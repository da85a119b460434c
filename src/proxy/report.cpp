#include "proxy/report.hpp"

#include "wire/words.hpp"

#include <chrono>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace milter::proxy {

namespace {

using observe::field;
using observe::level;

std::string in_ms(core::microseconds time) {
    return fmt::format("{:.1f}", std::chrono::duration<double, std::milli>(time).count());
}

// NAME:SAID:TIME, and why it said nothing.
std::string result_of(std::string const& child, core::child_result const& one) {
    auto text = fmt::format("{}:{}:{}ms", child, one.said, in_ms(one.took));
    if (one.said == "skipped") text += fmt::format(":{}", one.skipped_by);
    if (one.lost_by) text += fmt::format(":{}", core::describe(*one.lost_by));
    return text;
}

void add_client(std::vector<field>& fields, core::client_of const& client) {
    if (!client.address.empty()) fields.push_back({"client", client.address});
    if (!client.host.empty()) fields.push_back({"host", client.host});
}

} // namespace

report::report(observe::log& log, core::policy const& rules, std::uint64_t session)
    : log_(log), rules_(rules), session_(session) {}

std::vector<field> report::about(std::string_view queue_id, std::optional<core::child_index> child) const {
    std::vector<field> fields{{"session", std::to_string(session_)}};
    if (!queue_id.empty()) fields.push_back({"queue_id", std::string(queue_id)});
    if (child) fields.push_back({"child", name_of(*child)});
    return fields;
}

void report::operator()(core::child_failed const& what) {
    if (!log_.wants(level::warning)) return;
    std::string reason(core::describe(what.why));
    if (!what.detail.empty()) reason += ": " + what.detail;
    auto const& rules = rules_.children[what.child];
    auto fields = about(what.queue_id, what.child);
    fields.push_back({"endpoint", rules.where.text()});
    fields.push_back({"stage", std::string(core::name_of(what.at))});
    fields.push_back({"reason", reason});
    if (rules.evaluation_mode)
        fields.push_back({"evaluation_mode", "true"});
    else
        fields.push_back({"fallback", std::string(core::name_of(what.costs))});
    log_.event(level::warning, "child_failed", fields);
}

void report::operator()(core::oddity const& what) {
    auto fields = about(what.queue_id, what.child);
    fields.push_back({"stage", std::string(core::name_of(what.at))});
    log_.event(level::warning, what.child ? "child_oddity" : "mta_oddity", fields, what.text);
}

void report::operator()(core::message_done const& what) {
    if (!log_.wants(level::message)) return;
    std::string children;
    for (std::size_t i = 0; i < what.children.size(); ++i) {
        if (!children.empty()) children += ", ";
        children += result_of(rules_.children[i].name, what.children[i]);
    }
    auto fields = about(what.queue_id);
    add_client(fields, what.client);
    fields.push_back({"sender", what.sender});
    fields.push_back({"recipients", std::to_string(what.recipients)});
    if (what.refused_recipients > 0)
        fields.push_back({"refused_recipients", std::to_string(what.refused_recipients)});
    fields.push_back({"size", std::to_string(what.size)});
    fields.push_back({"stage", std::string(core::name_of(what.at))});
    fields.push_back({"verdict", what.aborted ? "aborted" : std::string(core::name_of(what.said))});
    if (what.said.text && !what.aborted) fields.push_back({"reply", what.said.text->text()});
    if (what.quarantined) fields.push_back({"quarantined", "true"});
    if (what.decided_by) fields.push_back({"decided_by", name_of(*what.decided_by)});
    fields.push_back({"children", std::move(children)});
    log_.event(level::message, "message_done", fields);
}

void report::operator()(core::session_decided const& what) {
    auto fields = about("");
    add_client(fields, what.client);
    fields.push_back({"stage", std::string(core::name_of(what.at))});
    fields.push_back({"verdict", std::string(core::name_of(what.said))});
    if (what.said.text) fields.push_back({"reply", what.said.text->text()});
    fields.push_back({"decided_by", name_of(what.by)});
    log_.event(level::message, "session_refused", fields);
}

void report::operator()(core::evaluated const& what) {
    auto fields = about(what.queue_id, what.child);
    fields.push_back({"verdict", what.result.said});
    fields.push_back({"edits", std::to_string(what.result.edits)});
    fields.push_back({"elapsed_ms", in_ms(what.result.took)});
    log_.event(level::message, "child_evaluated", fields);
}

void report::operator()(core::session_refused const& what) {
    auto fields = about(what.queue_id);
    fields.push_back({"reason", what.text});
    log_.event(level::warning, "mta_refused", fields, "the connection is closed");
}

void report::connection_replaced(core::child_index child, std::string_view queue_id) {
    log_.event(level::info, "pool_connection_replaced", about(queue_id, child));
}

void report::block_failed(core::child_index child, std::string const& text, std::string_view queue_id) {
    auto fields = about(queue_id, child);
    fields.push_back({"error", text});
    log_.event(level::warning, "condition_failed", fields, "it does not stop the child");
}

void report::odd(std::string const& text, std::string_view queue_id) {
    log_.event(level::warning, "session_oddity", about(queue_id), text);
}

void report::broken_invariant(core::broken_invariant const& found, std::string_view queue_id) {
    auto fields = about(queue_id);
    fields.push_back({"file", std::filesystem::path(found.file()).filename().string()});
    fields.push_back({"line", std::to_string(found.line())});
    fields.push_back({"error", found.what()});
    log_.event(level::error, "broken_invariant", fields, "the session is ended; please report it");
}

void report::client_gone(core::client_gone const& what, std::string const& checker) {
    auto fields = about(what.queue_id);
    fields.push_back({"checker", checker});
    if (what.at) {
        fields.push_back({"stage", std::string(core::name_of(*what.at))});
        fields.push_back({"verdict", std::string(core::name_of(what.said))});
    }
    log_.event(level::message, "client_gone", fields, "the session ends");
}

void report::checker_failed(std::string const& checker, std::string const& text) {
    auto fields = about("");
    fields.push_back({"checker", checker});
    fields.push_back({"error", text});
    log_.event(level::warning, "connection_checker_failed", fields, "the client counts as connected");
}

void report::client_port_unknown(std::string const& client) {
    log_.event(level::warning, "client_port_unknown", about(""),
               "[netstat][warning] can't detect disconnected connection because SMTP client port address is "
               "unknown: <" +
                   client + ">");
}

void report::mta_lost(std::string_view why, std::string_view detail, std::string_view queue_id) {
    auto fields = about(queue_id);
    std::string reason(why);
    if (!detail.empty()) reason.append(": ").append(detail);
    fields.push_back({"reason", reason});
    log_.event(level::warning, "mta_lost", fields);
}

// Words are escaped, and the log escapes: once is enough.
void report::received(std::optional<core::child_index> from, wire::frame const& packet,
                      std::string_view queue_id) {
    auto const words = from ? wire::words_of_reply(packet) : wire::words_of_command(packet);
    log_.event(level::trace, "packet_received", about(queue_id, from), wire::unquoted(words));
}

void report::sent(std::optional<core::child_index> to, std::string_view packets, std::string_view queue_id) {
    while (auto const packet = wire::take_frame(packets)) {
        auto const words = to ? wire::words_of_command(*packet) : wire::words_of_reply(*packet);
        log_.event(level::trace, "packet_sent", about(queue_id, to), wire::unquoted(words));
    }
}

void report::sent_piece(std::optional<core::child_index> to, std::size_t bytes, std::string_view queue_id) {
    log_.event(level::trace, "packet_sent", about(queue_id, to),
               fmt::format("{} ({} bytes)", to ? "body" : "replace-body", bytes));
}

} // namespace milter::proxy
