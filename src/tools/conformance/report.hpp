// What was found, as a table for people and as a line of JSON, of the rules that are wanted. Makes texts,
// never writes them.
#pragma once

#include "tools/conformance/rules.hpp"

#include <set>
#include <string>

namespace milter::tools::conformance {

using words = std::set<std::string, std::less<>>; // of rules; empty = all

std::string table(findings const& found, words const& only);
std::string json(findings const& found, words const& only);
// Of the wanted ones.
bool any_broken(findings const& found, words const& only);

} // namespace milter::tools::conformance
