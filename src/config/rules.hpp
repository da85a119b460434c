// Rules that several settings share. Only for the tables of settings; nothing that a single
// setting has alone.
#pragma once

#include "config/rule.hpp"

#include <array>

namespace milter::config::rules {

inline constexpr std::array<std::string_view, 4> statuses{"accept", "reject", "temporary-failure", "discard"};
inline constexpr std::array<std::string_view, 6> milter_statuses{"accept",  "reject",   "temporary-failure",
                                                                 "discard", "shutdown", "quarantine"};

inline constexpr std::int64_t longest_ms = 1'000'000'000'000; // some 31 years: no arithmetic on it overflows

constexpr rule integer(std::int64_t least, std::int64_t most) {
    return {.type = type::integer, .least = least, .most = most};
}

inline constexpr rule text{.type = type::text};
inline constexpr rule boolean{.type = type::boolean};
inline constexpr rule count = integer(0, 4'294'967'295);
inline constexpr rule positive = integer(1, 4'294'967'295);
inline constexpr rule size = integer(0, 1'099'511'627'776); // 1 TiB
inline constexpr rule time{.type = type::time, .most = longest_ms};
inline constexpr rule positive_time{.type = type::time, .least = 1, .most = longest_ms};

} // namespace milter::config::rules
