// Sockets of the programs that measure: they cost as little as can be, and give up with a text when the
// machine refuses something. Not for the product.
#pragma once

#include "wire/endpoint.hpp"

#include <string>
#include <string_view>

namespace milter::bench {

// Prints it on standard error and ends the program with status 1.
[[noreturn]] void give_up(std::string const& why);

// SPEC of the command line, or give_up().
wire::endpoint endpoint_of(std::string_view spec);

// A new connection, not blocking, without Nagle's delay; being made (EINPROGRESS) or made. -1 with errno when
// there is no way now (a full queue: EAGAIN).
int connect_to(wire::endpoint const& where);

} // namespace milter::bench
