// Which macros an MTA sends before a command, and which of them a child is given (chain P9, P10, P21a), with
// tables of its own. Must share no code with src/core.
#pragma once

#include "oracle/session_case.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::oracle {

// The names without their braces, in order.
using names = std::vector<std::string>;
// What the manager asked the MTA for: a list for each stage (protocol 2.5) whose usual one does not do.
using macro_lists = std::map<std::uint32_t, names>;

// The stage of a command's letter; commands without one have no list.
std::optional<std::uint32_t> macro_stage_of(char code);
// "{name}" and "n" of the wire as names.
names names_on_wire(std::string_view text);
std::string names_for_wire(names const& list);

// Letter and pairs of the D that the MTA sends before the command, when it sends one.
std::optional<std::string> macros_sent(session_case const& by, mta_event const& what,
                                       macro_lists const& asked);
// The same as the child is to see it.
std::optional<std::string> macros_given(session_case const& by, child_plan const& to, mta_event const& what,
                                        macro_lists const& asked);

} // namespace milter::oracle
