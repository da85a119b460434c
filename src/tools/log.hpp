// Where a tool says what goes on beside its output: standard error, a file, the system's log; by level. Never
// says what its output says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::tools {

enum class level : std::uint16_t {
    critical = 1,
    error = 2,
    warning = 4,
    message = 8,
    info = 16,
    debug = 32,
    statistics = 64,
    profile = 128,
    trace = 256,
};
inline constexpr std::uint16_t usual_levels = 7; // critical, error, warning

// "warning|info", "default", "all", "none"; the error is the older program's.
tl::expected<std::uint16_t, std::string> levels_by_name(std::string_view text);
// The number of "mail", "local0", ... for syslog(3).
tl::expected<int, std::string> facility_by_name(std::string_view text);

struct log_settings {
    std::uint16_t levels = usual_levels;
    std::string path; // "" = standard error; "-" = standard output
    bool syslog = false;
    int facility = 2 << 3; // LOG_MAIL
};

// For the whole process, before log_line(); the error names the path that cannot be opened.
tl::expected<void, std::string> open_log(std::string const& program, log_settings const& settings);
// A line break inside becomes "\n".
void log_line(level how, std::string_view text);

} // namespace milter::tools
