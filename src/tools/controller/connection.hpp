// One question to the manager and its answer, over a connection of its own. Waits, but never for ever; knows
// nothing of what the texts mean.
#pragma once

#include "wire/endpoint.hpp"

#include <chrono>
#include <string>

#include <tl/expected.hpp>

namespace milter::tools::controller {

// line: without its end; so is the answer. The error is for the operator: what happened and what to do.
// patience: for connecting, and for each piece of the answer.
tl::expected<std::string, std::string> ask(wire::endpoint const& where, std::string const& line,
                                           std::chrono::milliseconds patience);

} // namespace milter::tools::controller
