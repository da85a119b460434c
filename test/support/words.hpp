// The words of the scenario language (wire/words.hpp) under the names that the tests use. Adds nothing.
// Never guesses: see there.
#pragma once

#include "wire/words.hpp"

namespace milter::test {

using wire::actions_by_name;
using wire::quoted;
using wire::steps_by_name;
using wire::take_word;
using wire::unquoted;
using wire::words_of_command;
using wire::words_of_reply;
using wire::write_command;
using wire::write_reply;

} // namespace milter::test
