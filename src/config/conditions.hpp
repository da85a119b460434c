// The conditions of a configuration: JSON → core::condition, and what --show-config must know of them.
// Complains of what it cannot read; evaluates nothing.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace milter::config {

// list: the part "conditions". Adds to into.conditions, and to the conditions and questions of the policy,
// at the same positions. source: the place of what has none.
void read_conditions(boost::json::value const& list, std::string_view source, snapshot& into,
                     std::vector<complaint>& complaints);

} // namespace milter::config
