// What the parts of the process take from a configuration: for the log, for the sessions, and what is said
// about it when it takes effect. Only translates.
#pragma once

#include "config/snapshot.hpp"
#include "observe/log.hpp"
#include "proxy/session.hpp"

#include <memory>

#include <boost/asio/thread_pool.hpp>

namespace milter::daemon {

// With what the environment says, where the configuration and the command line say nothing.
observe::log_settings log_settings_of(config::snapshot const& running);
// Nothing when no rule in force asks a block. The last session that knows them may be on any thread: their
// processes are waited for in `afterwards`, which must outlive them, as the log.
std::shared_ptr<proxy::ruby_workers> workers_of(config::snapshot const& running, proxy::ruby_process ruby,
                                                bool dropped_root, observe::log& log,
                                                boost::asio::thread_pool& afterwards);
// The settings share the snapshot. log: outlives them.
proxy::settings settings_of(std::shared_ptr<config::snapshot const> const& running,
                            std::shared_ptr<proxy::ruby_workers> ruby, observe::log& log);
// A warning for each setting without effect and each milter that detection had to leave out.
void warn_about(config::snapshot const& running, observe::log& log);

} // namespace milter::daemon
