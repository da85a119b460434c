#include "daemon/explain/table.hpp"

#include "observe/log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace milter::daemon::explain {

namespace {

namespace json = boost::json;
using observe::escaped;

double ms_of(core::microseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

// skipped, failed, not-asked, left, aborted, applied.
std::string_view state_of(proxy::child_account const& one) {
    for (std::string_view const word : {"skipped", "failed", "not-asked", "left", "aborted"})
        if (one.said == word) return word;
    return "applied";
}

std::string stage_of(proxy::child_account const& one) {
    return one.at ? fmt::format(" at {}", core::name_of(*one.at)) : "";
}

std::string what_became_of(proxy::child_account const& one, bool dry) {
    auto const state = state_of(one);
    std::string text;
    if (state == "skipped")
        text = fmt::format("skipped{} because of condition {}", stage_of(one), escaped(one.condition));
    else if (state == "failed")
        text = fmt::format("failed{} because {}{}", stage_of(one), escaped(one.reason),
                           one.costs.empty() ? "" : fmt::format("; its fallback is {}", one.costs));
    else if (state == "not-asked")
        text = "not asked";
    else if (state == "left")
        text = "not asked any more: it had left the session";
    else if (state == "aborted")
        text = "applied, and told that the message is over";
    else
        text = dry ? "would be asked" : "applied";
    if (one.refused_recipients > 0)
        text += fmt::format("; recipients that it refused: {}", one.refused_recipients);
    if (one.evaluation_mode) text += " (evaluation mode)";
    return text;
}

bool has_answered(proxy::child_account const& one, bool dry) {
    return !dry && state_of(one) == "applied";
}

using row = std::array<std::string, 5>;

std::string aligned(std::vector<row> const& rows) {
    std::array<std::size_t, 5> widths{};
    for (auto const& one : rows)
        for (std::size_t n = 0; n < one.size(); ++n)
            widths[n] = std::max(widths[n], one[n].size());
    std::string all;
    for (auto const& one : rows)
        all += fmt::format("{:<{}}  {:<{}}  {:>{}}  {:>{}}  {}\n", one[0], widths[0], one[1], widths[1],
                           one[2], widths[2], one[3], widths[3], one[4]);
    return all;
}

std::string head_of(proxy::account const& what) {
    auto text = fmt::format("Session {}", what.session);
    if (!what.queue_id.empty()) text += ", queue id " + escaped(what.queue_id);
    if (!what.client.empty())
        text += fmt::format(", client {}{}", escaped(what.client),
                            what.host.empty() ? "" : fmt::format(" ({})", escaped(what.host)));
    if (what.sender.empty()) return text + "\n";
    text += fmt::format(", from {}, recipients: {}", escaped(what.sender), what.recipients);
    if (what.refused_recipients > 0) text += fmt::format(" and {} refused", what.refused_recipients);
    return text + fmt::format(", body: {} bytes\n", what.size);
}

std::string end_of(proxy::account const& what) {
    auto text = "Final reply: " + escaped(what.verdict);
    if (!what.reply.empty()) text += " \"" + escaped(what.reply) + "\"";
    if (!what.stage.empty()) text += " at " + what.stage;
    if (!what.decided_by.empty()) text += ", decided by " + what.decided_by;
    if (what.quarantined) text += "; quarantined";
    return text + "\n";
}

json::array list(std::vector<std::string> const& texts) {
    json::array all;
    for (auto const& one : texts)
        all.push_back(json::string(escaped(one)));
    return all;
}

json::object child(proxy::child_account const& one, bool dry) {
    json::object made{{"name", one.name},
                      {"endpoint", one.endpoint},
                      {"evaluation_mode", one.evaluation_mode},
                      {"state", state_of(one)}};
    if (one.at && !(one.condition.empty() && one.reason.empty())) made["stage"] = core::name_of(*one.at);
    if (!one.condition.empty()) made["condition"] = escaped(one.condition);
    if (!one.reason.empty()) made["reason"] = escaped(one.reason);
    if (one.refused_recipients > 0) made["refused_recipients"] = one.refused_recipients;
    if (!one.costs.empty()) made["fallback"] = one.costs;
    if (!has_answered(one, dry)) return made;
    made["verdict"] = one.said;
    made["edits"] = one.edits;
    made["elapsed_ms"] = ms_of(one.took);
    return made;
}

} // namespace

std::string table_of(proxy::account const& what, heard const& more) {
    std::vector<row> rows{{"CHILD", "VERDICT", "EDITS", "MS", "WHAT BECAME OF IT"}};
    for (auto const& one : what.children) {
        if (has_answered(one, more.dry))
            rows.push_back({one.name, one.said, std::to_string(one.edits),
                            fmt::format("{:.1f}", ms_of(one.took)), what_became_of(one, more.dry)});
        else
            rows.push_back({one.name, "-", "-", "-", what_became_of(one, more.dry)});
    }
    auto text = head_of(what) + "\n" + aligned(rows) + "\n";
    for (auto const& one : what.notes)
        text += "Note: " + escaped(one) + "\n";
    for (auto const& one : more.recipients)
        text += "Recipient " + escaped(one) + "\n";
    for (auto const& one : more.edits)
        text += "Edit: " + escaped(one) + "\n";
    return text + (more.dry ? "No milter was asked: verdicts and edits are not known.\n" : end_of(what));
}

json::object as_json(proxy::account const& what, heard const& more) {
    json::array children;
    for (auto const& one : what.children)
        children.push_back(child(one, more.dry));
    json::object made{{"session", what.session},
                      {"queue_id", escaped(what.queue_id)},
                      {"client", escaped(what.client)},
                      {"host", escaped(what.host)},
                      {"sender", escaped(what.sender)},
                      {"recipients", what.recipients},
                      {"refused_recipients", what.refused_recipients},
                      {"size", what.size},
                      {"children", std::move(children)},
                      {"notes", list(what.notes)}};
    if (!more.recipients.empty()) made["recipient_replies"] = list(more.recipients);
    if (more.dry) {
        made["dry"] = true;
        return made;
    }
    made["verdict"] = what.verdict;
    made["reply"] = escaped(what.reply);
    made["stage"] = what.stage;
    made["decided_by"] = what.decided_by;
    made["quarantined"] = what.quarantined;
    if (!more.edits.empty()) made["edits"] = list(more.edits);
    return made;
}

} // namespace milter::daemon::explain
