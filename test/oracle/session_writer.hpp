// The commands of a random session, in the order that an MTA may use (protocol 6.1), with the macros that it
// has at each. Must not look at the children.
#pragma once

#include "oracle/dice.hpp"
#include "oracle/session_case.hpp"

#include <string>

namespace milter::oracle {

// Fills in the events; the MTA's side of the case must be set.
void write_session(dice& random, session_case& into);

// A macro that a filter may ask for: usual ones, and others. Bare.
std::string random_macro_name(dice& random);

} // namespace milter::oracle
