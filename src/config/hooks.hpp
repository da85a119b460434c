// What a configuration wants to have called besides conditions: JSON -> the numbers of Ruby blocks. Reads
// only; a worker calls them.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"

#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace milter::config {

// given: the part "hooks". source: the place of what has none.
void read_hooks(boost::json::value const& given, std::string_view source, snapshot& into,
                std::vector<complaint>& complaints);

} // namespace milter::config
