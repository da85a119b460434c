// Whether a configuration runs Ruby blocks for mail, and which of its rules do. Only reads a snapshot and
// never calls a block.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"

#include <vector>

namespace milter::config {

// Somebody may call a block: a condition of an enabled milter, or a hook.
bool runs_blocks(snapshot const& what);

// A complaint for each rule of an enabled milter that asks a block: for configurations that come without
// Ruby.
std::vector<complaint> blocks_that_nobody_runs(snapshot const& what);

} // namespace milter::config
