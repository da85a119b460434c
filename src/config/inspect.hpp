// Values as Ruby would write them, for output that is again a configuration and for complaints. One line
// always.
#pragma once

#include "config/value.hpp"

#include <span>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace milter::config {

// In double quotes; what could end the string, start code in it or break the line is escaped.
std::string inspect(std::string_view text);
inline std::string inspect(std::string const& text) {
    return inspect(std::string_view(text));
}
// nil, true, 12, 297.0, "text", {"connect"=>["j"]}.
std::string inspect(value const& what);
// A JSON value as Ruby would write it, cut to a readable length.
std::string inspect(boost::json::value const& given);

// "connect", "helo", "mail", "rcpt", "data", "end_of_headers", "end_of_message".
std::string_view stage_name(wire::macro_stage stage);
// nullopt for other words; the older words ("envelope-from", "envelope-recipient", "end-of-header") are known
// too.
std::optional<wire::macro_stage> stage_by_name(std::string_view name);

// All words that stage_by_name knows, the older ones with "_" too.
std::span<std::string_view const> macro_stage_words();

} // namespace milter::config
