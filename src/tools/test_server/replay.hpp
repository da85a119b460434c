// Recorded sessions (milter-manager --record) against a milter or a manager: which of them come out
// otherwise, and how.
#pragma once

#include "tools/test_server/settings.hpp"

namespace milter::tools::test_server {

// Plays the files of told.replay, each once, and prints the differences and their sum. The exit status: 0 all
// as recorded, 2 some otherwise, 1 some could not be played.
int run_replay(settings const& told);

} // namespace milter::tools::test_server
