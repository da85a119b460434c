// The known name that an unknown one most probably means. Used for complaints
// only, never to correct input.
#pragma once

#include <span>
#include <string_view>

namespace milter::config {

// The name with the fewest changed, missing or added letters; the first of equals. names must not be empty.
std::string_view nearest(std::string_view unknown, std::span<std::string_view const> names);

} // namespace milter::config
