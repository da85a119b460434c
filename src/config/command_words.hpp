// The words of a command line as the words of sh are: blanks part them, '...', "..." and \ keep what they
// quote. Never expands anything: no variable, no pattern, no ;, no |.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::config {

// The error says what is wrong with the text. No word of the text is a result without words.
tl::expected<std::vector<std::string>, std::string> command_words(std::string_view text);

} // namespace milter::config
