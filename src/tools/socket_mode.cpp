#include "tools/socket_mode.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace milter::tools {

namespace {

using result = tl::expected<std::uint32_t, std::string>;

constexpr std::uint32_t every_bit = 0777;

tl::unexpected<std::string> bad_character(char one, std::string_view text) {
    return tl::unexpected(fmt::format("invalid character: '{}': <{}>", one, text));
}

result octal(std::string_view text) {
    std::uint32_t bits = 0;
    for (char one : text) {
        if (one < '0' || one > '7') return bad_character(one, text);
        bits = bits * 8 + static_cast<std::uint32_t>(one - '0');
        if (bits > every_bit) return tl::unexpected(fmt::format("mode should be at most 777: <{}>", text));
    }
    return bits;
}

// One "u=rw".
result clause(std::string_view part, std::string_view text) {
    std::uint32_t who = 0;
    while (!part.empty() && std::string_view("augo").find(part.front()) != std::string_view::npos) {
        who |= part.front() == 'a'   ? 0111u
               : part.front() == 'u' ? 0100u
               : part.front() == 'g' ? 0010u
                                     : 0001u;
        part.remove_prefix(1);
    }
    if (part.empty()) return tl::unexpected(fmt::format("mode has no '=': <{}>", text));
    if (part.front() == '+' || part.front() == '-')
        return tl::unexpected(fmt::format("set mode must be '=': '{}': <{}>", part.front(), text));
    if (part.front() != '=' || who == 0) return bad_character(part.front(), text);
    std::uint32_t what = 0;
    for (char one : part.substr(1)) {
        if (one != 'r' && one != 'w' && one != 'x') return bad_character(one, text);
        what |= one == 'r' ? 4u : one == 'w' ? 2u : 1u;
    }
    return who * what;
}

} // namespace

tl::expected<std::uint32_t, std::string> mode_of(std::string_view text) {
    if (text.empty()) return tl::unexpected(std::string("mode is empty"));
    if (text.front() >= '0' && text.front() <= '9') return octal(text);
    std::uint32_t bits = 0;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find(',', begin), text.size());
        auto const some = clause(text.substr(begin, end - begin), text);
        if (!some) return some;
        bits |= *some;
        begin = end + 1;
    }
    return bits;
}

} // namespace milter::tools
