// A snapshot printed back as a configuration (configuration 12), each value with the place that it comes
// from. Passwords are never printed.
#pragma once

#include "config/snapshot.hpp"

#include <string>

namespace milter::config {

// UTF-8 text, ends with exactly one line break.
std::string show(snapshot const& what);

} // namespace milter::config
