// A statistics line (logs 4) as a value. Pure: text in, value out; whatever is not one is nothing.
// Never asks what the line means for a count.
#pragma once

#include "tools/log_analyzer/stamp.hpp"

#include <optional>
#include <string_view>

namespace milter::tools::log_analyzer {

// All texts are views of the line.
struct event {
    enum class kind {
        session_end,          // status
        session_disconnected, //
        milter_end,           // status, milter
        milter_header,        // name, value, milter
        reply,                // status; the old form, and quarantines
        abort,                // the old form
        sessions,             // running
    };

    kind what;
    std::string_view status{};
    std::string_view milter{};
    std::string_view name{};
    std::string_view value{};
    unsigned running = 0; // sessions that are still there
};

// text: what follows "[statistics] ".
std::optional<event> read_event(std::string_view text);

struct logged {
    seconds_utc when;
    event what;
};

// A line of a system's log, or of milter manager's own file. The program must be "milter-manager" in the
// first.
std::optional<logged> read_line(std::string_view line, stamps& times);

} // namespace milter::tools::log_analyzer
