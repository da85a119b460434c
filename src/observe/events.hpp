// The table of all events of the log: every line of log::event has its name from here, with the level that is
// meant and what an administrator does about it. tool/tidy compares the calls with it; a new event is a new
// row in events.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace milter::observe {

struct event_meaning {
    std::string_view name;    // snake_case
    std::string_view level;   // as it is logged; "any": as whoever wrote the text has chosen
    std::string_view meaning; // one line for the manual
    std::string_view advice;  // what to do; "" = nothing
};

// All of them, sorted by name.
std::span<event_meaning const> events();
bool is_event(std::string_view name);

// docs/log-keys.md: all events, keys and statistics lines, in Markdown.
std::string log_reference();

} // namespace milter::observe
