// The one table of metrics: whatever is exported has its line here, and so has the page of the manual. Knows
// no values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace milter::observe {

enum class metric : std::uint8_t {
    sessions_begun,
    sessions_ended,
    sessions_open,
    sessions_refused,
    messages,
    body_bytes,
    mta_errors,
    child_answer_seconds,
    child_failures,
    child_fallbacks,
    child_in_flight,
    child_restarts,
    child_skips,
    child_verdicts,
    block_failures,
    dns_failures,
    broken_invariants,
    log_lines_dropped,
    reloads,
    configuration_age,
    build_info,
    open_descriptors,
    most_descriptors,
    resident_memory,
    start_time,
};

enum class metric_type : std::uint8_t { counter, gauge, histogram };
std::string_view name_of(metric_type one);

struct metric_info {
    metric which;
    std::string_view name; // by the conventions of Prometheus
    metric_type type;
    std::string_view unit;   // of the value: "sessions", "seconds", ...
    std::string_view labels; // names joined by ", ", or ""
    std::string_view help;   // one sentence
};

// In the order of `metric`.
std::span<metric_info const> metrics_table();
metric_info const& info_of(metric one);
// The table as a part of a page in Markdown.
std::string metrics_reference();

} // namespace milter::observe
