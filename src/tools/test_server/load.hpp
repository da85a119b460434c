// Many sessions of the same kind and what came of them all: --repeat, --concurrency, --rate. Prints only the
// summary, and a line of progress where a person looks.
#pragma once

#include "tools/test_server/settings.hpp"

namespace milter::tools::test_server {

// The exit status: 1 when a session could not talk to the milter, else 2 when one had another answer than
// expected, else 0.
int run_load(settings const& told);

} // namespace milter::tools::test_server
