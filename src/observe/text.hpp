// How one line of the log is put together from raw values. Never writes anywhere and never lets a value start
// a second line or end its quotes.
#pragma once

#include "observe/log.hpp"

#include <span>
#include <string>
#include <string_view>

namespace milter::observe {

std::string_view level_name(level one);

// `level event_name key=value key="a value": text`; the values and the text are raw.
std::string event_text(level at, std::string_view name, std::span<field const> fields, std::string_view text);

} // namespace milter::observe
