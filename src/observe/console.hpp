// How a line looks on the console or in the file: what stands in front of it, colours, the journal's
// priority, JSON (logs 2.1). Only text; never writes, never reads a clock or the environment.
#pragma once

#include "observe/log.hpp"
#include "observe/text.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace milter::observe {

struct look {
    log_format format = log_format::text;
    items shown = items::standard();
    bool coloured = false;
    bool of_journal = false; // `<PRIORITY>` as sd-daemon(3), and no time: the journal has its own
    std::string name = "milter-manager";
    int pid = 0;
};

// Without a line end.
std::string console_line(look const& how, entry const& what, std::chrono::system_clock::time_point now);

// Whether it shows colours: the value of $TERM.
bool has_colours(std::string_view terminal);
// stream: $JOURNAL_STREAM. Whether the descriptor is that socket of the journal.
bool is_journal(std::string_view stream, int descriptor);

} // namespace milter::observe
