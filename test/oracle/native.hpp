// A deliberately naive interpreter of chain III. Where chain IV differs from an MTA on purpose, it follows
// chain IV and says so. Must share no code with src/core.
#pragma once

#include "oracle/actors.hpp"
#include "oracle/expectation.hpp"

namespace milter::oracle {

// agreed: what the MTA was asked to leave out or not to wait for.
// overtaken: the events whose answer the MTA did not wait for.
native_run run_natively(session_case const& of, agreement const& agreed,
                        std::set<std::size_t> const& overtaken);

} // namespace milter::oracle
