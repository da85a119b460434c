// The time at the head of a log line, in every form that a system's log has it (logs 6.1 and its decisions):
// "Nov 22 07:11:51", RFC 3339, and the "[...]: " of our own files. Never asks for the time itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace milter::tools::log_analyzer {

// Seconds since 1970, UTC.
using seconds_utc = std::int64_t;

class stamps {
public:
    // now: lines without a year are not later than this, by more than a day; nor older than a year.
    explicit stamps(seconds_utc now);

    // Takes the stamp and the blank after it off the front; nothing when there is none, and `line` stays.
    std::optional<seconds_utc> take(std::string_view& line);

private:
    std::optional<seconds_utc> take_traditional(std::string_view& line);

    seconds_utc now_;
    // The minute of the last line without a year: a log has many lines a minute, and time zones are slow.
    std::uint64_t known_minute_ = 0;
    seconds_utc known_start_ = 0;
};

} // namespace milter::tools::log_analyzer
