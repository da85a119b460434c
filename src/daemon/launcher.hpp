// The small half of the process that stays what it was started as: starts the commands of its own table and
// removes two files of its own, each on a request that names at most a position in that table. Never
// takes a command, a path or a user from the other half; never reads mail or configuration; ends with the
// other half.
#pragma once

#include "daemon/launch_table.hpp"
#include "daemon/owned_file.hpp"
#include "daemon/pid_file.hpp"
#include "io/descriptor.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

#include <tl/expected.hpp>

namespace milter::daemon {

struct launcher_job {
    std::vector<launch_command> commands;
    owned_file socket;
    daemon::pid_file pid_file; // of the other half
};

// In the launcher's process, which must have one thread: closes every descriptor but these, turns off core
// dumps and tracing, says `done`, and serves until the other end is closed or sends anything that is no
// request.
[[noreturn]] void be_launcher(io::descriptor line, launcher_job& job);

struct launcher_process {
    io::descriptor line; // a socket for packets (launch_message); when it is closed the launcher ends
    pid_t pid = -1;
    bool as_root = false;
};

// Forks it, before any thread is started, and returns once nobody can look into it any more.
tl::expected<launcher_process, std::string> fork_launcher(launcher_job& job);

} // namespace milter::daemon
