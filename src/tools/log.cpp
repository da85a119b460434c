#include "tools/log.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <syslog.h>

namespace milter::tools {

namespace {

struct place {
    std::uint16_t levels = usual_levels;
    std::FILE* file = stderr;
    bool stamped = false; // lines of a file have their time
    bool syslog = false;
    std::string program;
};
place here;

constexpr std::array<std::pair<std::string_view, std::uint16_t>, 12> levels{{{"none", 0},
                                                                             {"default", usual_levels},
                                                                             {"critical", 1},
                                                                             {"error", 2},
                                                                             {"warning", 4},
                                                                             {"message", 8},
                                                                             {"info", 16},
                                                                             {"debug", 32},
                                                                             {"statistics", 64},
                                                                             {"profile", 128},
                                                                             {"trace", 256},
                                                                             {"all", 511}}};

constexpr std::array<std::pair<std::string_view, int>, 20> facilities{
    {{"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},     {"daemon", LOG_DAEMON},
     {"ftp", LOG_FTP},       {"kern", LOG_KERN},         {"lpr", LOG_LPR},       {"mail", LOG_MAIL},
     {"news", LOG_NEWS},     {"syslog", LOG_SYSLOG},     {"user", LOG_USER},     {"uucp", LOG_UUCP},
     {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},
     {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},     {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7}}};

int priority_of(level how) {
    switch (how) {
    case level::critical:
        return LOG_CRIT;
    case level::error:
        return LOG_ERR;
    case level::warning:
        return LOG_WARNING;
    case level::message:
        return LOG_NOTICE;
    case level::info:
    case level::statistics:
        return LOG_INFO;
    default:
        return LOG_DEBUG;
    }
}

} // namespace

tl::expected<std::uint16_t, std::string> levels_by_name(std::string_view text) {
    unsigned bits = 0;
    std::string unknown;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find('|', begin), text.size());
        auto const name = text.substr(begin, end - begin);
        begin = end + 1;
        bool found = false;
        for (auto const& [known, bit] : levels)
            if (known == name) {
                bits |= bit;
                found = true;
            }
        if (!found) unknown += fmt::format("{}<{}>", unknown.empty() ? "" : "|", name);
    }
    if (unknown.empty()) return static_cast<std::uint16_t>(bits);
    return tl::unexpected(fmt::format("unknown flag names: [{}](<MilterLogLevelFlags>)", unknown));
}

tl::expected<int, std::string> facility_by_name(std::string_view text) {
    for (auto const& [name, number] : facilities)
        if (name == text) return number;
    return tl::unexpected(fmt::format("unknown syslog facility: <{}>", text));
}

tl::expected<void, std::string> open_log(std::string const& program, log_settings const& settings) {
    here.levels = settings.levels;
    here.program = program;
    here.syslog = settings.syslog;
    if (settings.path == "-") {
        here.file = stdout;
    } else if (!settings.path.empty()) {
        here.file = std::fopen(settings.path.c_str(), "ae");
        if (!here.file)
            return tl::unexpected(
                fmt::format("failed to open log file: {}: {}", settings.path, std::strerror(errno)));
        here.stamped = true;
    }
    if (here.syslog) ::openlog(here.program.c_str(), LOG_PID, settings.facility);
    return {};
}

void log_line(level how, std::string_view text) {
    if ((here.levels & static_cast<std::uint16_t>(how)) == 0) return;
    std::string line;
    for (char const one : text)
        one == '\n' ? line += "\\n" : line += one;
    if (here.syslog) ::syslog(priority_of(how), "%s", line.c_str());
    if (here.stamped)
        line = fmt::format("[{:%Y-%m-%dT%H:%M:%SZ}]: {}", fmt::gmtime(std::time(nullptr)), line);
    line += '\n';
    if (std::fwrite(line.data(), 1, line.size(), here.file) == line.size()) std::fflush(here.file);
}

} // namespace milter::tools
