// What the tools print for people: a result whole or an error, a complaint, the time of day. Never decides
// what is said, or whether it is an error of the program; never throws because nobody can read it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <tl/expected.hpp>

namespace milter::tools {

// A standard descriptor that is closed is one no more: else the next socket would get its number, and what is
// printed would go to the milter. To be called before anything is opened.
void keep_standard_descriptors();
// All of it to standard output, flushed; the error says why it cannot be written.
tl::expected<void, std::string> print_whole(std::string_view text);
// To standard error, as far as that takes it: a full disk or a closed descriptor there ends no program.
void print_to_stderr(std::string_view text);
// The same, of a format.
template <typename... values>
void print_error(fmt::format_string<values...> format, values&&... of) {
    print_to_stderr(fmt::format(format, std::forward<values>(of)...));
}
// The text to standard output; 0, or 1 and the complaint of this program when it cannot be written.
int print_or_complain(std::string_view text, std::string_view program);
// Local time, "07:11:51".
std::string time_of_day();

} // namespace milter::tools
