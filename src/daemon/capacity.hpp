// How many sessions fit into the descriptors that this process may open. Computes and says; whoever begins
// sessions keeps to it (proxy/admission).
#pragma once

#include "config/snapshot.hpp"
#include "observe/log.hpp"
#include "proxy/admission.hpp"

namespace milter::daemon {

// manager.n_workers, resolved.
unsigned worker_count(config::snapshot const& running);

// By manager.max_connections and the limit of descriptors as it is now (RLIMIT_NOFILE).
proxy::admission::limits capacity_of(config::snapshot const& running);
// A line for the log; a warning if max_connections can never be met.
void say_capacity(config::snapshot const& running, proxy::admission::limits const& by, observe::log& log);

} // namespace milter::daemon
