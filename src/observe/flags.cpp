#include "observe/flags.hpp"

#include "observe/log.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace milter::observe {

namespace {

bool has_sign(std::string_view word) {
    return word.starts_with('+') || word.starts_with('-');
}

} // namespace

tl::expected<std::uint16_t, std::string> parse_flags(std::string_view text, flag_table const& table,
                                                     std::uint16_t current) {
    if (text.empty()) return table.standard;
    // A sign in front of the whole text changes what is set; without it the text says it all.
    unsigned bits = has_sign(text) ? current : 0u;
    std::string unknown;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find('|', begin), text.size());
        auto word = text.substr(begin, end - begin);
        begin = end + 1;
        bool const take_away = word.starts_with('-');
        auto const name = has_sign(word) ? word.substr(1) : word;
        auto const found = std::ranges::find(table.names, name, &named_bits::name);
        if (found == table.names.end())
            unknown += fmt::format("{}<{}>", unknown.empty() ? "" : "|", escaped(name));
        else if (take_away)
            bits &= ~unsigned{found->bits};
        else
            bits |= found->bits;
    }
    if (unknown.empty()) return static_cast<std::uint16_t>(bits);
    return tl::unexpected(fmt::format("unknown flag names: [{}](<{}>)", unknown, table.type));
}

} // namespace milter::observe
