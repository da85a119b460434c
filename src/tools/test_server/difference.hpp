// What became of a list of header fields: the shortest list of lines kept, removed and added, in order. Never
// compares by name alone: a changed value is a field removed and one added.
#pragma once

#include "tools/test_server/message.hpp"

#include <string>
#include <vector>

namespace milter::tools::test_server {

enum class change : char { kept = ' ', removed = '-', added = '+' };

struct changed_header {
    change how;
    header field;
};

// A removed field stands before what was added in its place.
std::vector<changed_header> difference(std::vector<header> const& before, std::vector<header> const& after);

} // namespace milter::tools::test_server
