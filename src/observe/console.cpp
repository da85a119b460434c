#include "observe/console.hpp"

#include "observe/flags.hpp"
#include "observe/syslog.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

namespace milter::observe {

namespace {

constexpr std::uint16_t bit(items::one which) {
    return static_cast<std::uint16_t>(which);
}

constexpr std::array item_names = std::to_array<named_bits>({
    {"level", bit(items::one::level)},
    {"domain", bit(items::one::domain)},
    {"location", bit(items::one::location)},
    {"time", bit(items::one::time)},
    {"name", bit(items::one::name)},
    {"pid", bit(items::one::pid)},
    {"default", bit(items::one::time)},
    {"none", 0},
    {"all", 0x3F},
});
constexpr flag_table item_table{item_names, "MilterLogItemFlags", bit(items::one::time)};

std::string text_of(std::time_t second) {
    std::tm parts{};
    gmtime_r(&second, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// UTC, with microseconds.
std::string stamp(std::chrono::system_clock::time_point now) {
    thread_local std::time_t last = 0;
    thread_local std::string text = text_of(last);
    auto const whole = std::chrono::floor<std::chrono::seconds>(now);
    auto const rest = std::chrono::duration_cast<std::chrono::microseconds>(now - whole);
    auto const second = std::chrono::system_clock::to_time_t(whole);
    if (std::exchange(last, second) != second) text = text_of(second);
    return fmt::format("{}.{:06}Z", text, rest.count());
}

// Places in the code are not known: an event has its name.
std::string prefix(look const& how, entry const& what, std::string_view time) {
    std::string text;
    auto const bracket = [&](items::one which, std::string_view value) {
        if (!how.shown.has(which)) return;
        text += '[';
        text += value;
        text += ']';
    };
    bracket(items::one::level, level_name(what.at));
    bracket(items::one::domain, how.name);
    if (!how.of_journal) bracket(items::one::time, time);
    auto const first = text.size();
    bracket(items::one::name, how.name);
    if (how.shown.has(items::one::pid)) bracket(items::one::pid, fmt::to_string(how.pid));
    if (first > 0 && text.size() > first) text.insert(first, 1, ' ');
    if (!text.empty()) text += ": ";
    return text;
}

std::string_view colour_of(level at) {
    switch (at) {
    case level::critical:
        return "\x1B[33;41m";
    case level::error:
        return "\x1B[37;41m";
    case level::warning:
        return "\x1B[37;43m";
    case level::message:
        return "\x1B[37;42m";
    case level::info:
        return "\x1B[37;46m";
    case level::debug:
        return "\x1B[37;44m";
    case level::trace:
        return "\x1B[37;45m";
    case level::statistics:
        return "\x1B[34;47m";
    case level::profile:
        return "\x1B[32;40m";
    }
    return "";
}

} // namespace

items items::standard() {
    return items(item_table.standard);
}

tl::expected<items, std::string> items::parse(std::string_view text) {
    auto const bits = parse_flags(text, item_table, item_table.standard);
    if (!bits) return tl::unexpected(bits.error());
    return items(*bits);
}

std::string console_line(look const& how, entry const& what, std::chrono::system_clock::time_point now) {
    auto const time = stamp(now);
    auto line = how.format == log_format::json ? message_json(what, time)
                                               : prefix(how, what, time) + message_text(what);
    if (how.of_journal) line.insert(0, fmt::format("<{}>", priority_of(what.at)));
    if (how.coloured) line = fmt::format("{}{}\x1B[0m", colour_of(what.at), line);
    return line;
}

bool has_colours(std::string_view terminal) {
    return terminal == "screen" || terminal == "linux" || terminal.ends_with("term") ||
           terminal.ends_with("term-color") || terminal.ends_with("term-256color");
}

bool is_journal(std::string_view stream, int descriptor) {
    struct stat is {};
    if (stream.empty() || ::fstat(descriptor, &is) != 0) return false;
    return stream == fmt::format("{}:{}", is.st_dev, is.st_ino);
}

} // namespace milter::observe
