// smtp_reply: what parses is kept byte for byte and obeys every rule of protocol 9 as a plain second reader
// checks them; what is made always parses. Input: a reply text.
#include "fuzz.hpp"

#include "wire/smtp_reply.hpp"

#include <algorithm>
#include <regex>
#include <vector>

using namespace milter;
using fuzz::check;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> result(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "\r\n") {
            result.emplace_back();
            ++i;
        } else {
            result.back() += text[i];
        }
    }
    return result;
}

bool obeys(std::string const& line, std::string const& code, bool last) {
    if (line.size() < 4 || line.substr(0, 4) != code + (last ? ' ' : '-')) return false;
    auto const text = line.substr(4);
    if (!text.empty() && text[0] >= '0' && text[0] <= '9' && text[0] != code[0]) return false;
    static std::regex const enhanced("^[45]\\.[0-9]{1,3}\\.[0-9]{1,3}(?![^ ])");
    std::smatch found;
    auto const head = text.substr(0, 20);
    bool const has_code = std::regex_search(head, found, enhanced);
    if (text.size() > 980 + (has_code ? static_cast<std::size_t>(found.length()) + 1 : 0)) return false;
    auto pairs = text;
    for (auto at = pairs.find("%%"); at != std::string::npos; at = pairs.find("%%", at))
        pairs.erase(at, 2);
    return std::none_of(pairs.begin(), pairs.end(), [](char c) {
        auto const byte = static_cast<unsigned char>(c);
        return c == '%' || byte == 0x7F || (byte < 0x20 && c != '\t');
    });
}

bool obeys(std::string_view text) {
    auto const lines = lines_of(text);
    auto const code = lines[0].substr(0, 3);
    if (code.size() != 3 || lines.size() > 32) return false;
    if (code[0] != '4' && code[0] != '5') return false;
    if (code.find_first_not_of("0123456789") != std::string::npos) return false;
    for (auto const& line : lines)
        if (!obeys(line, code, &line == &lines.back())) return false;
    return true;
}

void check_made(std::string_view text) {
    auto const third = text.size() / 3;
    unsigned code = 0;
    for (char c : text.substr(0, 3))
        code = (code * 10 + static_cast<unsigned char>(c) % 16U) % 1000;
    auto const made = wire::smtp_reply::make(code, text.substr(0, third), text.substr(third));
    auto const parsed = wire::smtp_reply::parse(made.text());
    check(parsed && *parsed == made, "what is made is valid");
    check(made.code() == (code >= 400 && code <= 599 ? code : 451), "and has the code");
    check(made.text().size() < 1010, "and is one line of a sane length");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::as_text(data, size);
    auto const parsed = wire::smtp_reply::parse(text);
    check(parsed.has_value() == obeys(text), "the two readers agree");
    if (parsed) {
        check(parsed->text() == text, "the text is kept");
        check(std::to_string(parsed->code()) == text.substr(0, 3), "the code is that of the text");
        check(parsed->permanent() == (text[0] == '5'), "the class is that of the text");
    } else {
        check(parsed.error() == wire::error::bad_smtp_reply, "there is one error");
    }
    check_made(text);
    return 0;
}
