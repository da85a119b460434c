// What a header that a milter added says about a mail (logs 6.2): spam, a virus, a passed or failed check.
// Pure.
#pragma once

#include <array>
#include <bitset>
#include <string_view>

namespace milter::tools::log_analyzer {

// In the order of the data sources of a report.
inline constexpr std::array<std::string_view, 13> report_sources{
    "spam",           "virus",          "uribl",          "greylisting_pass", "spf_pass",
    "spf_fail",       "sender_id_pass", "sender_id_fail", "dkim_pass",        "dkim_fail",
    "dkim_adsp_pass", "dkim_adsp_fail", "tarpitting_pass"};

using findings = std::bitset<report_sources.size()>;

// name, value: of the header, the value as the log has it (escaped).
findings find_in(std::string_view name, std::string_view value);

} // namespace milter::tools::log_analyzer
