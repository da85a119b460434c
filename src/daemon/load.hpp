// One load of a configuration, from files to a snapshot; used at start and at each reload. Never keeps
// anything and never changes what runs.
#pragma once

#include "config/complaint.hpp"
#include "config/parse.hpp"
#include "config/snapshot.hpp"
#include "daemon/options.hpp"
#include "proxy/ruby_parent.hpp"

#include <stop_token>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

struct loaded {
    tl::expected<config::snapshot, std::vector<config::complaint>> result;
    std::string printed;      // by the configuration itself
    proxy::ruby_process ruby; // that can run its blocks; only when it is to serve
};

// stop: gives an evaluation up, which then is a complaint. custom_file: a path to read instead of the
// milter-manager.custom.conf of the load path; "" = that one.
loaded load(options const& by, std::stop_token stop = {}, std::string const& custom_file = {});

// The directories that configuration files are looked for in, without the user's (configuration 1.1).
std::vector<std::string> load_path(options const& by);

} // namespace milter::daemon
