#include "config/log_levels.hpp"

#include <algorithm>
#include <array>
#include <bitset>

namespace milter::config {

namespace {

constexpr std::array<std::string_view, 9> levels{"critical", "error", "warning",    "message", "info",
                                                 "debug",    "trace", "statistics", "profile"};

constexpr std::array<std::string_view, 20> facilities{
    "auth",   "authpriv", "cron",   "daemon", "ftp", "kern", "local0", "local1", "local2", "local3",
    "local4", "local5",   "local6", "local7", "lpr", "mail", "news",   "user",   "uucp",   "syslog"};

using level_set = std::bitset<levels.size()>;

level_set const standard{"010001111"}; // critical, error, warning, message, statistics

tl::expected<level_set, std::string> set_of(std::string_view word) {
    if (word == "default") return standard;
    if (word == "all") return level_set{}.set();
    if (word == "none") return level_set{};
    auto const found = std::find(levels.begin(), levels.end(), word);
    if (found == levels.end()) return tl::unexpected(std::string(word));
    return level_set{}.set(static_cast<std::size_t>(found - levels.begin()));
}

std::string text_of(level_set const& set) {
    std::string text;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (!set.test(i)) continue;
        if (!text.empty()) text += '|';
        text += levels[i];
    }
    return text.empty() ? "none" : text;
}

} // namespace

tl::expected<std::string, std::string> normal_levels(std::string_view text) {
    if (text.empty() || text == "default") return "default";
    level_set set;
    if (text.front() == '+' || text.front() == '-') set = standard;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find('|', begin), text.size());
        std::string_view word = text.substr(begin, end - begin);
        begin = end + 1;
        bool const remove = word.starts_with('-');
        if (remove || word.starts_with('+')) word.remove_prefix(1);
        auto const named = set_of(word);
        if (!named) return tl::unexpected(named.error());
        set = remove ? set & ~*named : set | *named;
    }
    return text_of(set);
}

std::span<std::string_view const> level_names() {
    return levels;
}
std::span<std::string_view const> facility_names() {
    return facilities;
}

} // namespace milter::config
