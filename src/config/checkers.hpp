// Connection checkers and their interval (configuration 9) that come without each other. Only reads a
// snapshot.
#pragma once

#include "config/snapshot.hpp"

#include <string>
#include <vector>

namespace milter::config {

// "FILE:LINE: ..." for an interval without any checker, and for each checker that nobody asks.
std::vector<std::string> checker_warnings(snapshot const& what);

} // namespace milter::config
