#include "wire/smtp_reply.hpp"

#include <algorithm>
#include <optional>

namespace milter::wire {

namespace {

// What a libmilter lets a filter say (protocol 9).
constexpr std::size_t max_lines = 32;
constexpr std::size_t max_line_text = 980;

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_printable(char c) {
    auto const byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7F);
}

// Takes 1 to 3 digits off the front.
bool take_number(std::string_view& from) {
    std::size_t n = 0;
    while (n < from.size() && n < 4 && is_digit(from[n]))
        ++n;
    if (n < 1 || n > 3) return false;
    from.remove_prefix(n);
    return true;
}

// Length of an enhanced code (4.7.1, RFC 3463) at the front; 0 when there is none.
std::size_t enhanced_length(std::string_view text) {
    if (text.size() < 5 || (text[0] != '4' && text[0] != '5') || text[1] != '.') return 0;
    auto rest = text.substr(2);
    if (!take_number(rest) || rest.empty() || rest[0] != '.') return 0;
    rest.remove_prefix(1);
    if (!take_number(rest) || (!rest.empty() && rest[0] != ' ')) return 0;
    return text.size() - rest.size();
}

bool is_line_text(std::string_view text, char code_class) {
    // Postfix takes any digit here for the class of an enhanced code.
    if (!text.empty() && is_digit(text[0]) && text[0] != code_class) return false;
    auto const enhanced = enhanced_length(text);
    if (text.size() > max_line_text + (enhanced == 0 ? 0 : enhanced + 1)) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_printable(text[i])) return false;
        // Sendmail prints the text with printf.
        if (text[i] == '%' && (++i == text.size() || text[i] != '%')) return false;
    }
    return true;
}

std::optional<unsigned> code_of(std::string_view line) {
    if (line.size() < 4 || (line[0] != '4' && line[0] != '5') || !is_digit(line[1]) || !is_digit(line[2]))
        return std::nullopt;
    auto value = [line](std::size_t i) { return static_cast<unsigned>(line[i] - '0'); };
    return value(0) * 100 + value(1) * 10 + value(2);
}

// The text as one valid line of at most max_line_text bytes.
std::string clean(std::string_view text) {
    std::string result;
    for (char c : text) {
        std::string_view const next = c == '%' ? "%%" : std::string_view(is_printable(c) ? &c : "?", 1);
        if (result.size() + next.size() > max_line_text) break;
        result += next;
    }
    return result;
}

} // namespace

tl::expected<smtp_reply, error> smtp_reply::parse(std::string_view text) {
    auto const bad = tl::unexpected(error::bad_smtp_reply);
    auto const code = code_of(text);
    if (!code) return bad;
    auto rest = text;
    for (std::size_t lines = 1; lines <= max_lines; ++lines) {
        auto const end = rest.find("\r\n");
        bool const last = end == std::string_view::npos;
        auto const line = rest.substr(0, end);
        if (code_of(line) != code || line[3] != (last ? ' ' : '-') || !is_line_text(line.substr(4), text[0]))
            return bad;
        if (last) return smtp_reply(*code, std::string(text));
        rest.remove_prefix(end + 2);
    }
    return bad;
}

smtp_reply smtp_reply::make(unsigned code, std::string_view enhanced, std::string_view text) {
    if (code < 400 || code > 599) code = 451;
    std::string result = std::to_string(code);
    char const code_class = result[0];
    auto line = clean(text);
    bool const fits =
        !enhanced.empty() && enhanced_length(enhanced) == enhanced.size() && enhanced[0] == code_class;
    result += ' ';
    if (fits) result += enhanced;
    // Else a leading number would be taken for a code of another class.
    else if (!line.empty() && is_digit(line[0]) && line[0] != code_class)
        result.append(1, code_class).append(".0.0");
    if (result.back() != ' ' && !line.empty()) result += ' ';
    result += line;
    return smtp_reply(code, std::move(result));
}

} // namespace milter::wire
