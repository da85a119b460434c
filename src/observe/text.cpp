#include "observe/text.hpp"

#include <fmt/format.h>

namespace milter::observe {

namespace {

unsigned byte_at(std::string_view raw, std::size_t at) {
    return static_cast<unsigned char>(raw[at]);
}

bool continues(std::string_view raw, std::size_t at) {
    return at < raw.size() && (byte_at(raw, at) & 0xC0) == 0x80;
}

// The length of the printable UTF-8 character that begins here; 0 when there is none: cut, overlong, a
// surrogate, above U+10FFFF, or one of the C1 controls, which terminals obey like ESC sequences.
std::size_t character_length(std::string_view raw, std::size_t at) {
    auto const first = byte_at(raw, at);
    auto const second = continues(raw, at + 1) ? byte_at(raw, at + 1) : 0u;
    if (second == 0) return 0;
    if (first >= 0xC2 && first <= 0xDF) return first == 0xC2 && second < 0xA0 ? 0 : 2;
    if (first >= 0xE0 && first <= 0xEF) {
        bool const overlong = first == 0xE0 && second < 0xA0;
        bool const surrogate = first == 0xED && second >= 0xA0;
        return !overlong && !surrogate && continues(raw, at + 2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        bool const overlong = first == 0xF0 && second < 0x90;
        bool const too_high = first == 0xF4 && second >= 0x90;
        return !overlong && !too_high && continues(raw, at + 2) && continues(raw, at + 3) ? 4 : 0;
    }
    return 0;
}

// U+2028 and U+2029 end a line for some readers; U+202A to U+202E and U+2066 to U+2069 turn the order of what
// is shown.
bool is_layout(std::string_view character) {
    using namespace std::string_view_literals;
    if (character.size() != 3) return false;
    auto const last = byte_at(character, 2);
    if (character.starts_with("\xE2\x80"sv)) return last >= 0xA8 && last <= 0xAE;
    return character.starts_with("\xE2\x81"sv) && last >= 0xA6 && last <= 0xA9;
}

bool is_plain(unsigned byte) {
    return byte >= 0x20 && byte < 0x7F && byte != '\\';
}

constexpr std::size_t longest_value = 8 * 1024; // raw bytes

void append_escaped_byte(std::string& out, unsigned byte) {
    switch (byte) {
    case '\0':
        out += "\\0";
        break;
    case '\r':
        out += "\\r";
        break;
    case '\n':
        out += "\\n";
        break;
    case '\\':
        out += "\\\\";
        break;
    default:
        static constexpr std::string_view digits = "0123456789ABCDEF";
        out += "\\x";
        out += digits[byte >> 4];
        out += digits[byte & 0xF];
    }
}

// What a mail can make a value hold is not what a line should: the rest is left out.
std::string safe_value(std::string_view raw) {
    auto const end = whole_characters(raw, longest_value);
    if (end == raw.size()) return escaped(raw);
    return escaped(raw.substr(0, end)) + fmt::format("...({} bytes)", raw.size());
}

std::string quoted_if_needed(std::string_view raw) {
    auto safe = safe_value(raw);
    if (!safe.empty() && safe.find_first_of(" \"=") == std::string::npos && !safe.ends_with(':')) return safe;
    std::string out = "\"";
    for (char one : safe) {
        if (one == '"') out += '\\';
        out += one;
    }
    return out + '"';
}

} // namespace

std::size_t whole_characters(std::string_view text, std::size_t at_most) {
    if (text.size() <= at_most) return text.size();
    constexpr std::size_t longest_rest = 3;
    for (std::size_t back = 0; back <= longest_rest && back < at_most; ++back)
        if ((byte_at(text, at_most - back) & 0xC0) != 0x80) return at_most - back;
    return at_most; // no UTF-8
}

std::string escaped(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t at = 0; at < raw.size();) {
        auto const from = at;
        while (at < raw.size() && is_plain(byte_at(raw, at)))
            ++at;
        out += raw.substr(from, at - from);
        if (at == raw.size()) break;
        auto const byte = byte_at(raw, at);
        if (auto const length = byte < 0x80 ? 0 : character_length(raw, at);
            length != 0 && !is_layout(raw.substr(at, length))) {
            out += raw.substr(at, length);
            at += length;
        } else {
            append_escaped_byte(out, byte);
            ++at;
        }
    }
    return out;
}

std::string_view level_name(level one) {
    switch (one) {
    case level::critical:
        return "critical";
    case level::error:
        return "error";
    case level::warning:
        return "warning";
    case level::message:
        return "message";
    case level::info:
        return "info";
    case level::debug:
        return "debug";
    case level::trace:
        return "trace";
    case level::statistics:
        return "statistics";
    case level::profile:
        return "profile";
    }
    return "unknown";
}

std::string event_text(level at, std::string_view name, std::span<field const> fields,
                       std::string_view text) {
    auto out = fmt::format("{} {}", level_name(at), escaped(name));
    for (auto const& one : fields)
        fmt::format_to(std::back_inserter(out), " {}={}", escaped(one.key), quoted_if_needed(one.value));
    if (!text.empty()) out += ": " + safe_value(text);
    return out;
}

std::string message_text(entry const& what) {
    return what.kind == entry::of::event ? event_text(what.at, what.name, what.fields, what.text)
                                         : escaped(what.text);
}

std::string message_json(entry const& what, std::string_view time) {
    std::string out = "{";
    auto const add = [&](std::string_view key, std::string const& safe) {
        fmt::format_to(std::back_inserter(out), "{}\"{}\":\"", out.size() > 1 ? "," : "", escaped(key));
        for (char const one : safe) {
            if (one == '"' || one == '\\') out += '\\';
            out += one;
        }
        out += '"';
    };
    add("time", std::string(time));
    add("level", std::string(level_name(what.at)));
    if (what.kind != entry::of::line) add("event", std::string(what.name));
    for (auto const& one : what.fields)
        add(one.key, safe_value(one.value));
    bool const whole = what.kind != entry::of::event; // to the letter
    if (!what.text.empty()) add("text", whole ? escaped(what.text) : safe_value(what.text));
    return out + "}";
}

} // namespace milter::observe
