// The process at work: builds everything that a configuration asks for and serves mail until it is told to
// end; changes to another configuration when it is told to. Never reads or judges one.
#pragma once

#include "config/snapshot.hpp"
#include "daemon/options.hpp"
#include "proxy/ruby_parent.hpp"

#include <memory>

namespace milter::daemon {

// The exit status. running->fixed.manager.where is set. by: for the loads at run time.
int serve(std::shared_ptr<config::snapshot const> const& running, proxy::ruby_process ruby,
          options const& by);

} // namespace milter::daemon
