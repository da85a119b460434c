// --explain: one mail through the conditions and the children of a configuration, in this process, and what
// became of it on standard output. Never listens, never delivers, and starts no milter.
#pragma once

#include "config/snapshot.hpp"
#include "daemon/explain/request.hpp"
#include "proxy/ruby_parent.hpp"

#include <memory>

namespace milter::daemon::explain {

// The exit status: 0 when there is an answer, whatever it is. ruby: that can run the blocks.
int run(std::shared_ptr<config::snapshot const> const& by, proxy::ruby_process ruby, request const& what);

} // namespace milter::daemon::explain
