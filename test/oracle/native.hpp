// A deliberately naive interpreter of chain III: every child in turn, nothing at the same time, the content a
// whole message at once. Where chain IV differs from an MTA on purpose, it follows chain IV and says so. Must
// share no code with src/core.
#pragma once

#include "oracle/actors.hpp"
#include "oracle/expectation.hpp"

namespace milter::oracle {

// agreed_steps: what the MTA was asked to leave out or not to wait for.
native_run run_natively(session_case const& of, std::uint32_t agreed_steps);

} // namespace milter::oracle
