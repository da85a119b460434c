#include "observe/flags.hpp"
#include "observe/log.hpp"

#include <array>

#include <fmt/format.h>

namespace milter::observe {

namespace {

constexpr std::uint16_t every_bit = 0x1FF;
constexpr std::uint16_t standard_bits = 0x08F;

// The single ones first, in the order in which they are shown.
constexpr std::array level_names = std::to_array<named_bits>({
    {"critical", 0x001},
    {"error", 0x002},
    {"warning", 0x004},
    {"message", 0x008},
    {"info", 0x010},
    {"debug", 0x020},
    {"trace", 0x040},
    {"statistics", 0x080},
    {"profile", 0x100},
    {"default", standard_bits},
    {"none", 0},
    {"all", every_bit},
});

constexpr flag_table level_table{level_names, "MilterLogLevelFlags", standard_bits};
constexpr std::size_t single_count = 9;

} // namespace

levels levels::standard() {
    return levels(standard_bits);
}

levels levels::all() {
    return levels(every_bit);
}

tl::expected<levels, std::string> levels::parse(std::string_view text, levels current) {
    auto const bits = parse_flags(text, level_table, current.bits_);
    if (!bits) return tl::unexpected(bits.error());
    return levels(*bits);
}

std::string levels::text() const {
    std::string out;
    for (auto const& one : std::span(level_names).first<single_count>()) {
        if ((bits_ & one.bits) == 0) continue;
        if (!out.empty()) out += '|';
        out += one.name;
    }
    return out.empty() ? "none" : out;
}

} // namespace milter::observe
