// What a configuration would run, in words: for --check-config. Every milter is named, also the ones that
// would not run.
#pragma once

#include "config/snapshot.hpp"

#include <string>

namespace milter::config {

// UTF-8 lines. what.sockets.manager.where must be set.
std::string summary(snapshot const& what);

} // namespace milter::config
