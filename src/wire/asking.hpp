// What was agreed about a command: whether the filter wants it, and whether it answers (protocol 2.4, 11);
// and what must have been agreed before the filter may say something. Knows nothing of a session: what was
// skipped or is over is not its matter.
#pragma once

#include "wire/options.hpp"

#include <optional>

namespace milter::wire {

// False: the MTA does not send it.
bool is_wanted(steps agreed, char code);
// Of one that is sent; never to abort, quit, quit-new-connection and macros.
bool is_answered(steps agreed, char code);
// What the filter must have agreed to before it may send that edit (protocol 2.3); nothing for other replies.
std::optional<action> needed_for(char code);

} // namespace milter::wire
