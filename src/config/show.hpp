// A snapshot printed back as a configuration (configuration 12), each value with the place that it comes
// from. Passwords are never printed.
#pragma once

#include "config/settings.hpp"
#include "config/snapshot.hpp"

#include <string>
#include <string_view>

namespace milter::config {

// UTF-8 text, ends with exactly one line break.
std::string show(snapshot const& what);

// FILE:LINE of a setting, or "default".
std::string place_of(locations const& all, std::string_view name);

// The value of one setting as it is printed there; "********" for what is never shown.
std::string shown_value(setting<snapshot> const& one, snapshot const& of);
std::string shown_value(setting<milter> const& one, milter const& of);

} // namespace milter::config
