// The order in which the process starts and ends: limits, log, sockets, user, pid file, the house, and what
// is cleaned up after it. Never reads or judges a configuration.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"
#include "daemon/listeners.hpp"
#include "daemon/options.hpp"
#include "proxy/ruby_parent.hpp"
#include "tools/background.hpp"

#include <memory>
#include <vector>

namespace milter::daemon {

using tools::background;

// Why a configuration that is right must not be started by this user: something would run as root.
std::vector<config::complaint> complaints_about_start(config::snapshot const& what);

// The exit status. running->sockets.manager.where is set, and nobody has complained. by: for the loads at run
// time. given: listening sockets of the service manager. away: is told when it serves.
int serve(std::shared_ptr<config::snapshot const> const& running, proxy::ruby_process ruby, options const& by,
          inherited_sockets given, background& away);

} // namespace milter::daemon
