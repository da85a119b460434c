// Values of header fields without the blank behind the colon, as two sides have them that did not agree on
// header-value-with-leading-space (protocol 10.1).
#pragma once

#include "wire/command.hpp"
#include "wire/reply.hpp"

namespace milter::wire {

// One blank less, if there is one; everything else as it is. What is looked at stays that of `what`.
command without_leading_space(command what);
reply without_leading_space(reply what);

} // namespace milter::wire
