// The addresses of a From: or To: field (RFC 5322 3.4): display names, comments, quoted strings, groups and
// routes are understood. Lenient: what is no address is left out, never an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::test_server {

// Without angle brackets; "" for "<>".
std::vector<std::string> addresses_of(std::string_view field);

} // namespace milter::tools::test_server
