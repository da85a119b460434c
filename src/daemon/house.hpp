// The process at work: builds everything that a configuration asks for and serves mail until it is told to
// end. Never reads or judges a configuration.
#pragma once

#include "config/snapshot.hpp"
#include "proxy/ruby_parent.hpp"

#include <memory>

namespace milter::daemon {

// The exit status. running->fixed.manager.where is set.
int serve(std::shared_ptr<config::snapshot const> running, proxy::ruby_process ruby);

} // namespace milter::daemon
