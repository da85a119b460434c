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
        fmt::format_to(std::back_inserter(out), "\\x{:02X}", byte);
    }
}

std::string quoted_if_needed(std::string_view raw) {
    auto safe = escaped(raw);
    if (!safe.empty() && safe.find_first_of(" \"=") == std::string::npos && !safe.ends_with(':')) return safe;
    std::string out = "\"";
    for (char one : safe) {
        if (one == '"') out += '\\';
        out += one;
    }
    return out + '"';
}

} // namespace

std::string escaped(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t at = 0; at < raw.size();) {
        auto const byte = byte_at(raw, at);
        if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
            out += raw[at++];
        } else if (auto const length = byte < 0x80 ? 0 : character_length(raw, at); length != 0) {
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
    if (!text.empty()) out += ": " + escaped(text);
    return out;
}

} // namespace milter::observe
