// A journal as `journalctl -o export` writes it: fields of an entry a line each, an empty line after it.
// Only text in, values out; other forms of `-o` are lines of a log (event.hpp).
#pragma once

#include "tools/log_analyzer/event.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace milter::tools::log_analyzer {

// Its first line begins so.
inline constexpr std::string_view journal_begins = "__CURSOR=";

// A message of several lines, or with bytes that are no text, has another form there; no statistics line is
// such a one.
class journal {
public:
    // A line of it; what an entry was about when it is complete. The views are valid until the next call.
    std::optional<logged> take(std::string_view line);

private:
    std::string program_, message_;
    seconds_utc when_ = 0;
};

} // namespace milter::tools::log_analyzer
