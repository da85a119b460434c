// Starts one command of the launcher's table: no shell, a session of its own, nothing of ours in it. For a
// process with a single thread.
#pragma once

#include "daemon/launch_message.hpp"
#include "daemon/launch_table.hpp"

#include <sys/resource.h>
#include <sys/types.h>

namespace milter::daemon {

struct started_command {
    pid_t pid = -1; // also when it failed behind the fork: then it is to be waited for
    launch_step failed_at = launch_step::none;
    int error = 0; // errno
};

// core: the limit that the command gets. Returns when the program runs or cannot be run.
started_command run_command(launch_command const& what, rlimit const& core);

} // namespace milter::daemon
