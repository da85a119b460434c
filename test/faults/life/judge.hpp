// What each session of a long life must have come to, worked out once more and naively from its plan, and
// held against the book. Must never be used while the sessions run.
#pragma once

#include "faults/life/world.hpp"

#include <string>
#include <vector>

namespace milter::life {

struct verdicts {
    std::vector<std::string> complaints;
    std::size_t exact = 0;   // sessions whose outcome was known to the letter
    std::size_t bounded = 0; // sessions of which only was known what may not be
};
verdicts judge(world const& what);

} // namespace milter::life
