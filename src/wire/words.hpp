// Packets as the words of the scenario language, and back. One line a packet: `rcpt <to@example.com>`,
// `add-header X-A: b`, `agree v6 actions=add-headers steps=skip`. Never guesses: a line that cannot be read
// is an error.
#pragma once

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::wire {

// What a packet of the MTA / of a filter says; "broken packet X" when it does not decode.
std::string words_of_command(wire::frame const& packet);
std::string words_of_reply(wire::frame const& packet);
std::string words_of(wire::reply const& what);
// With every text whole, so that write_command() makes the same packet of the line, byte for byte.
std::string whole_words_of(wire::command const& what);

// The packets for a line, appended to `out`. The error says what cannot be read.
tl::expected<void, std::string> write_command(std::string_view line, std::string& out);
tl::expected<void, std::string> write_reply(std::string_view line, std::string& out);

// \n, \r, \t, \0, \\, \xNN for everything that is not printable; long texts as "N bytes, checksum".
std::string quoted(std::string_view raw);
std::string unquoted(std::string_view text);

// What the words of a connect leave out: 'U' without an address, 'L' for a path, '6' with a colon, else '4'.
char family_of(std::string_view address);

// Flag sets by name, "all", or a number in hexadecimal.
tl::expected<wire::actions, std::string> actions_by_name(std::string_view text);
tl::expected<wire::steps, std::string> steps_by_name(std::string_view text);

// Cuts the first word off.
std::string_view take_word(std::string_view& line);

} // namespace milter::wire
