// How one line of the log is put together from raw values. Never writes anywhere and never lets a value start
// a second line or end its quotes.
#pragma once

#include "observe/log.hpp"

#include <span>
#include <string>
#include <string_view>

namespace milter::observe {

std::string_view level_name(level one);
// The largest length up to at_most that does not end inside a character.
std::size_t whole_characters(std::string_view text, std::size_t at_most);

// One call of the log.
struct entry {
    enum class of { event, statistics, line };
    entry::of kind = entry::of::event;
    level at = level::info;
    std::string_view name; // of an event; "statistics"
    std::span<field const> fields;
    std::string_view text;
};

// What stands behind the prefix of a line.
std::string message_text(entry const& what);
// One object; each value is the escaped one, so that it is harmless when somebody prints it. time: RFC 3339.
std::string message_json(entry const& what, std::string_view time);

// `level event_name key=value key="a value": text`; the values and the text are raw, and
// cut when they are longer than 8 KiB.
std::string event_text(level at, std::string_view name, std::span<field const> fields, std::string_view text);

} // namespace milter::observe
