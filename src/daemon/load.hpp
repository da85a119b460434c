// One load of a configuration, from files to a snapshot; used at start and at each reload. Never keeps
// anything and never changes what runs.
#pragma once

#include "config/complaint.hpp"
#include "config/parse.hpp"
#include "config/snapshot.hpp"
#include "daemon/options.hpp"

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

struct loaded {
    tl::expected<config::snapshot, std::vector<config::complaint>> result;
    std::string printed; // by the configuration itself
};

loaded load(options const& by);

} // namespace milter::daemon
