// Sets of named bits as one text: names joined by "|", each with its own "+" or "-" (logs 1). Only the
// syntax; what the names mean is with the tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::observe {

struct named_bits {
    std::string_view name;
    std::uint16_t bits;
};

struct flag_table {
    std::span<named_bits const> names;
    std::string_view type; // for the error
    std::uint16_t standard;
};

// current: what a sign in front of the whole begins with. The error names the unknown words.
tl::expected<std::uint16_t, std::string> parse_flags(std::string_view text, flag_table const& table,
                                                     std::uint16_t current);

} // namespace milter::observe
