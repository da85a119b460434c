#include "observe/log.hpp"

#include <array>

#include <fmt/format.h>

namespace milter::observe {

namespace {

struct named_bits {
    std::string_view name;
    std::uint16_t bits;
};

constexpr std::uint16_t every_bit = 0x1FF;
constexpr std::uint16_t standard_bits = 0x08F;

constexpr std::array single = std::to_array<named_bits>({
    {"critical", 0x001},
    {"error", 0x002},
    {"warning", 0x004},
    {"message", 0x008},
    {"info", 0x010},
    {"debug", 0x020},
    {"trace", 0x040},
    {"statistics", 0x080},
    {"profile", 0x100},
});
constexpr std::array special = std::to_array<named_bits>({
    {"default", standard_bits},
    {"none", 0},
    {"all", every_bit},
});

std::optional<std::uint16_t> bits_of(std::string_view name) {
    for (auto const& one : single)
        if (one.name == name) return one.bits;
    for (auto const& one : special)
        if (one.name == name) return one.bits;
    return std::nullopt;
}

bool has_sign(std::string_view word) {
    return word.starts_with('+') || word.starts_with('-');
}

} // namespace

levels levels::standard() {
    return levels(standard_bits);
}

levels levels::all() {
    return levels(every_bit);
}

tl::expected<levels, std::string> levels::parse(std::string_view text, levels current) {
    if (text.empty()) return standard();
    // A sign in front of the whole text changes what is set; without it the text says it all.
    unsigned bits = has_sign(text) ? current.bits_ : 0u;
    std::string unknown;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find('|', begin), text.size());
        auto word = text.substr(begin, end - begin);
        begin = end + 1;
        bool const take_away = word.starts_with('-');
        auto const name = has_sign(word) ? word.substr(1) : word;
        auto const these = bits_of(name);
        if (!these)
            unknown += fmt::format("{}<{}>", unknown.empty() ? "" : "|", escaped(name));
        else if (take_away)
            bits &= ~unsigned{*these};
        else
            bits |= *these;
    }
    if (!unknown.empty())
        return tl::unexpected(fmt::format("unknown flag names: [{}](<MilterLogLevelFlags>)", unknown));
    return levels(static_cast<std::uint16_t>(bits));
}

std::string levels::text() const {
    std::string out;
    for (auto const& one : single) {
        if ((bits_ & one.bits) == 0) continue;
        if (!out.empty()) out += '|';
        out += one.name;
    }
    return out.empty() ? "none" : out;
}

} // namespace milter::observe
