#include "observe/metrics_table.hpp"

#include <array>

#include <fmt/format.h>

namespace milter::observe {

namespace {

using enum metric_type;

constexpr std::array all_metrics = std::to_array<metric_info>({
    {metric::sessions_begun, "milter_manager_sessions_begun_total", counter, "sessions", "",
     "Connections of the MTA that were accepted."},
    {metric::sessions_ended, "milter_manager_sessions_ended_total", counter, "sessions", "",
     "Sessions that are over."},
    {metric::sessions_open, "milter_manager_sessions_open", gauge, "sessions", "", "Sessions at the moment."},
    {metric::sessions_refused, "milter_manager_sessions_refused_total", counter, "sessions", "verdict",
     "Sessions that a milter has refused as a whole, at connect or helo."},
    {metric::messages, "milter_manager_messages_total", counter, "messages", "outcome",
     "Messages by what became of them: the verdict that the MTA was told, or aborted by the MTA before there "
     "was "
     "one."},
    {metric::body_bytes, "milter_manager_body_bytes_total", counter, "bytes", "",
     "Bytes of message bodies that came from the MTA."},
    {metric::mta_errors, "milter_manager_mta_errors_total", counter, "sessions", "reason",
     "Sessions that ended because the MTA broke the protocol or a limit (protocol) or because its connection "
     "was "
     "lost (lost)."},
    {metric::child_answer_seconds, "milter_manager_child_answer_seconds", histogram, "seconds",
     "child, stage", "How long a milter took for one answer; of stages at which it has answered."},
    {metric::child_failures, "milter_manager_child_failures_total", counter, "failures", "child, reason",
     "Failures of a milter, each of which costs its fallback for one message or session."},
    {metric::child_fallbacks, "milter_manager_child_fallbacks_total", counter, "failures", "child, status",
     "Failures by the fallback that stood in for the milter; not those of milters in evaluation mode, which "
     "cost "
     "nothing."},
    {metric::child_in_flight, "milter_manager_child_in_flight", gauge, "sessions", "child",
     "Sessions that wait for an answer of the milter at the moment."},
    {metric::child_restarts, "milter_manager_child_restarts_total", counter, "starts", "child",
     "How often the command of a milter was started again after its first start."},
    {metric::child_skips, "milter_manager_child_skips_total", counter, "decisions", "child, condition",
     "How often a condition left a milter out, of a session or of a message."},
    {metric::child_verdicts, "milter_manager_child_verdicts_total", counter, "answers",
     "child, stage, verdict", "Answers of a milter by what they said; of stages at which it has answered."},
    {metric::block_failures, "milter_manager_block_failures_total", counter, "questions", "reason",
     "Ruby blocks of conditions that failed (error), and questions to them that were not answered in time "
     "(timeout)."},
    {metric::dns_failures, "milter_manager_dns_failures_total", counter, "look-ups", "",
     "Look-ups in lists of the DNS that gave no answer; the client counted as not listed."},
    {metric::broken_invariants, "milter_manager_broken_invariants_total", counter, "sessions", "",
     "Sessions that were ended because of a mistake in milter manager itself; report each."},
    {metric::log_lines_dropped, "milter_manager_log_lines_dropped_total", counter, "lines", "",
     "Lines of the log that the system's log did not take."},
    {metric::reloads, "milter_manager_reloads_total", counter, "reloads", "result",
     "Reloads of the configuration: success, or failure, which changed nothing."},
    {metric::configuration_age, "milter_manager_configuration_age_seconds", gauge, "seconds", "",
     "How long the configuration has been in force."},
    {metric::build_info, "milter_manager_build_info", gauge, "", "version",
     "Always 1; its label is the version."},
    {metric::open_descriptors, "process_open_fds", gauge, "descriptors", "", "File descriptors in use."},
    {metric::most_descriptors, "process_max_fds", gauge, "descriptors", "",
     "File descriptors that may be in use."},
    {metric::resident_memory, "process_resident_memory_bytes", gauge, "bytes", "",
     "Memory of the process that is in RAM."},
    {metric::start_time, "process_start_time_seconds", gauge, "seconds", "",
     "When the process started, in seconds since 1970."},
});

constexpr bool in_order() {
    for (std::size_t i = 0; i < all_metrics.size(); ++i)
        if (all_metrics[i].which != static_cast<metric>(i)) return false;
    return all_metrics.back().which == metric::start_time;
}
static_assert(in_order());

} // namespace

std::string_view name_of(metric_type one) {
    switch (one) {
    case metric_type::counter:
        return "counter";
    case metric_type::gauge:
        return "gauge";
    case metric_type::histogram:
        return "histogram";
    }
    return "";
}

std::span<metric_info const> metrics_table() {
    return all_metrics;
}

metric_info const& info_of(metric one) {
    return all_metrics[static_cast<std::size_t>(one)];
}

std::string metrics_reference() {
    std::string page = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n";
    for (auto const& one : all_metrics)
        page += fmt::format("| `{}` | {} | {} | {} | {} |\n", one.name, name_of(one.type), one.unit,
                            one.labels, one.help);
    return page;
}

} // namespace milter::observe
