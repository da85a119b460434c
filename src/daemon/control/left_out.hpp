// Children that the operator has taken out until the next reload: the rules of the chain with a condition
// that leaves them out of every session. Only makes values; who uses them is told elsewhere.
#pragma once

#include "core/policy.hpp"

#include <set>
#include <string>
#include <string_view>

namespace milter::daemon::control {

using child_names = std::set<std::string, std::less<>>;

// The condition's name: what logs and figures say about a child that was left out so.
inline constexpr std::string_view by_the_operator = "disabled by the operator";

// names: of children; others are ignored.
core::policy without(core::policy const& all, child_names const& names);

} // namespace milter::daemon::control
