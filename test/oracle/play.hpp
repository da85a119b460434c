// Runs a case through core::session: the children of the case answer in an order that the seed of the order
// chooses, the MTA goes on whenever it may. Must not judge what comes of it.
#pragma once

#include "oracle/expectation.hpp"
#include "oracle/session_case.hpp"

#include <vector>

namespace milter::oracle {

// record: keep the steps as lines of a scenario.
manager_run run_with_manager(session_case const& of, std::uint64_t order, bool record);

// The same with the answers of the children in a given order: whatever the first in it has said arrives
// before what the others have said, and before the MTA speaks again.
manager_run run_in_order(session_case const& of, std::vector<std::size_t> const& order);

} // namespace milter::oracle
