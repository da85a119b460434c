// How milter-test-client starts and ends: log, user, socket, background, workers. Never looks into what is
// said on a connection.
#pragma once

#include "tools/test_client/settings.hpp"

namespace milter::tools::test_client {

// The exit status.
int serve(settings const& told);

} // namespace milter::tools::test_client
