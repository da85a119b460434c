// The experiments: has a milter live through sessions, ordinary ones first, and finds which rules it keeps.
// Prints nothing.
#pragma once

#include "tools/conformance/rules.hpp"
#include "tools/test_server/settings.hpp"

#include <set>
#include <string>

#include <tl/expected.hpp>

namespace milter::tools::conformance {

// told: where the milter is, its time limits, the client and the message that it is shown. only: the words of
// the rules that are wanted; empty = all. The error: nothing could be tried, and why. Blocks until it is
// done.
tl::expected<findings, std::string> examine(test_server::settings const& told,
                                            std::set<std::string, std::less<>> const& only);

} // namespace milter::tools::conformance
