#include "tools/log_analyzer/event.hpp"

#include <array>
#include <charconv>

namespace milter::tools::log_analyzer {

namespace {

constexpr std::string_view program = "milter-manager";
constexpr std::string_view mark = "[statistics] ";

bool take_prefix(std::string_view& text, std::string_view what) {
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
}

// The words in brackets at the front, at most five, and what follows them.
struct bracketed {
    std::array<std::string_view, 5> words{};
    std::size_t count = 0;
    std::string_view rest;
};

bracketed take_words(std::string_view text) {
    bracketed all;
    while (all.count < all.words.size() && text.starts_with('[')) {
        auto const end = text.find(']');
        if (end == std::string_view::npos) break;
        all.words[all.count++] = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
    }
    all.rest = text;
    return all;
}

// "(TAG)" or "(TAG): TEXT": the text.
std::optional<std::string_view> after_tag(std::string_view rest) {
    auto const end = rest.find(')');
    if (!rest.starts_with('(') || end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
    take_prefix(rest, ": ");
    return rest;
}

// "<NAME>=<VALUE>: MILTER". The value may hold all of that; the milter's name has no ">: ".
std::optional<event> read_header(std::string_view text) {
    auto const name_end = text.find(">=<");
    auto const value_end = text.rfind(">: ");
    if (!text.starts_with('<') || name_end == std::string_view::npos || value_end == std::string_view::npos ||
        value_end < name_end + 3)
        return {};
    return event{.what = event::kind::milter_header,
                 .milter = text.substr(value_end + 3),
                 .name = text.substr(1, name_end - 1),
                 .value = text.substr(name_end + 3, value_end - name_end - 3)};
}

// " 12(+3) 4" after "[sessions][finished]": the last number.
std::optional<event> read_sessions(std::string_view text) {
    auto const blank = text.rfind(' ');
    if (blank == std::string_view::npos) return {};
    event found{.what = event::kind::sessions};
    auto const* const begin = text.data() + blank + 1;
    auto const [end, error] = std::from_chars(begin, text.data() + text.size(), found.running);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return found;
}

} // namespace

std::optional<event> read_event(std::string_view text) {
    auto const all = take_words(text);
    auto const& words = all.words;
    if (all.count == 2 && words[0] == "sessions" && words[1] == "finished") return read_sessions(all.rest);
    // The old forms have no tag.
    if (words[0] == "reply" && all.count == 3) return event{.what = event::kind::reply, .status = words[2]};
    if (words[0] == "abort" && all.count == 2) return event{.what = event::kind::abort};
    auto const text_after = after_tag(all.rest);
    if (!text_after) return {};
    if (words[0] == "session" && words[1] == "end" && all.count == 5)
        return event{.what = event::kind::session_end, .status = words[3]};
    if (words[0] == "session" && words[1] == "disconnected" && all.count == 3)
        return event{.what = event::kind::session_disconnected};
    if (words[0] == "milter" && words[1] == "end" && all.count == 5)
        return event{.what = event::kind::milter_end, .status = words[3], .milter = *text_after};
    if (words[0] == "milter" && words[1] == "header" && all.count == 3) return read_header(*text_after);
    // Of 3.0: "[reply][end-of-message][quarantine](TAG)" has been read above.
    return {};
}

std::optional<logged> read_line(std::string_view line, stamps& times) {
    // Most lines of a mail log are another program's: this is found out first.
    bool const own_file = line.starts_with('[');
    if (!own_file && line.find(mark) == std::string_view::npos) return {};
    auto const when = times.take(line);
    if (!when) return {};
    if (!own_file) {
        auto const host_end = line.find(' ');
        if (host_end == std::string_view::npos) return {};
        line.remove_prefix(host_end + 1);
        if (!take_prefix(line, program) || !line.starts_with('[')) return {};
        auto const end = line.find("]: ");
        if (end == std::string_view::npos) return {};
        line.remove_prefix(end + 3);
        if (line.starts_with("[ID ")) { // Solaris
            auto const close = line.find("] ");
            if (close == std::string_view::npos) return {};
            line.remove_prefix(close + 2);
        }
        if (!take_prefix(line, mark)) return {};
    }
    auto const what = read_event(line);
    if (!what) return {};
    return logged{*when, *what};
}

} // namespace milter::tools::log_analyzer
