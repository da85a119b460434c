// Settings that are understood, checked and shown, and whose feature is not in this version. A configuration
// that sets one is told so; never silence.
#pragma once

#include "config/snapshot.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace milter::config {

// "FILE:LINE: manager.n_ruby_workers has no effect in this version", one for each that is set, in order.
std::vector<std::string> without_effect(snapshot const& what);

// Whether setting NAME of a section ("milter" for attributes of define_milter) is one of these.
bool is_pending(std::string_view section, std::string_view name);

} // namespace milter::config
