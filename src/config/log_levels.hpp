// The words of log.level and of syslog (logs 1, 2), as far as a configuration must know them. What is logged
// where is decided elsewhere: no log is known here.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::config {

// The normal form of a level text: "default" (also of ""), "none", or names joined by "|" in the order of
// level_names(). The error is the first unknown word.
tl::expected<std::string, std::string> normal_levels(std::string_view text);

std::span<std::string_view const> level_names();
std::span<std::string_view const> facility_names();

} // namespace milter::config
