// Which children run their end of message at once (chain V.4): consecutive ones that the administrator has
// declared independent of each other by one name. Pure functions; what a group means is content's business.
#pragma once

#include "core/chain.hpp"
#include "core/policy.hpp"

#include <span>
#include <vector>

namespace milter::core {

// For each child the first member of its group; a child without a group is its own. Those in evaluation mode
// can be members, but neither part nor join the others (chain P63).
std::vector<child_index> groups_of(std::span<child_policy const> children);

// Only one member may replace the body: the members of a group with several, as far as they are connected
// now, are asked one after the other. Gives back the first members of those groups.
std::vector<child_index> dissolve(std::span<child_index> groups, chain const& children);

} // namespace milter::core
