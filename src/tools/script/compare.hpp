// What a milter said against what a script expects: the lines of both, those that differ marked. Decides only
// whether they are the same.
#pragma once

#include "tools/script/script.hpp"

#include <string>
#include <vector>

namespace milter::tools::script {

// "" when they are the same; else lines, each with two blanks before it: "- expected", "+ came", "  both".
// ignored: patterns of lines that count on neither side.
std::string disagreement(std::vector<expectation> const& expected, std::vector<std::string> came,
                         std::vector<std::string> const& ignored);

} // namespace milter::tools::script
