// Runs a case through core::session: the children of the case answer in an order that the seed of the order
// chooses, the MTA goes on whenever it may. Must not judge what comes of it.
#pragma once

#include "oracle/expectation.hpp"
#include "oracle/session_case.hpp"

namespace milter::oracle {

// record: keep the steps as lines of a scenario.
manager_run run_with_manager(session_case const& of, std::uint64_t order, bool record);

} // namespace milter::oracle
