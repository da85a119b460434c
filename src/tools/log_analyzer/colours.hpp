// Which colour and which word a data source has in pictures (logs 6.3).
// In the order of the data sources; never decides what is drawn.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace milter::tools::log_analyzer {

struct coloured {
    std::string_view source;
    std::string_view label;
    std::string_view colour; // "#rrggbb"
};

// The last is of milters only.
inline constexpr std::array<coloured, 9> milter_status_colours{{{"pass", "Pass", "#0000ff"},
                                                                {"accept", "Accept", "#00ff00"},
                                                                {"reject", "Reject", "#ff0000"},
                                                                {"discard", "Discard", "#ffd400"},
                                                                {"temporary_failure", "Temp-Fail", "#888888"},
                                                                {"quarantine", "Quarantine", "#a52a2a"},
                                                                {"abort", "Abort", "#ff9999"},
                                                                {"error", "Error", "#ff00ff"},
                                                                {"stop", "Stop", "#99ffff"}}};
inline constexpr auto status_colours = std::span<coloured const>(milter_status_colours).first(8);
inline constexpr std::array<coloured, 3> session_colours{{{"smtp", "SMTP", "#000000"},
                                                          {"disconnected", "Disconnected", "#999999"},
                                                          {"concurrent", "Concurrent", "#9999ff"}}};

inline constexpr std::array<coloured, 13> report_colours{{{"spam", "Spam", "#ff0000"},
                                                          {"virus", "Virus", "#ff00ff"},
                                                          {"uribl", "URIBL", "#a52a2a"},
                                                          {"greylisting_pass", "Greylisting", "#888888"},
                                                          {"spf_pass", "SPF pass", "#0000ff"},
                                                          {"spf_fail", "SPF fail", "#9999ff"},
                                                          {"sender_id_pass", "SenderID pass", "#008080"},
                                                          {"sender_id_fail", "SenderID fail", "#99cccc"},
                                                          {"dkim_pass", "DKIM pass", "#00ff00"},
                                                          {"dkim_fail", "DKIM fail", "#99ff99"},
                                                          {"dkim_adsp_pass", "ADSP pass", "#ffd400"},
                                                          {"dkim_adsp_fail", "ADSP fail", "#fff099"},
                                                          {"tarpitting_pass", "Tarpitting", "#000000"}}};

} // namespace milter::tools::log_analyzer
