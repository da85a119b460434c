// The live table: asks again and again and draws what comes, until q or a signal. Leaves a terminal as it
// was; without one it prints plain text.
#pragma once

#include "tools/controller/settings.hpp"

namespace milter::tools::controller {

// The exit status.
int top(settings const& told);

} // namespace milter::tools::controller
