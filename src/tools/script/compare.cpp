#include "tools/script/compare.hpp"

#include "tools/test_server/difference.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fnmatch.h>

namespace milter::tools::script {

using test_server::change;
using test_server::header;

namespace {

bool is_like(std::string const& line, std::string const& pattern) {
    return ::fnmatch(pattern.c_str(), line.c_str(), FNM_NOESCAPE) == 0;
}

} // namespace

std::string disagreement(std::vector<expectation> const& expected, std::vector<std::string> came,
                         std::vector<std::string> const& ignored) {
    auto const counts_not = [&](std::string const& line) {
        return std::ranges::any_of(ignored, [&](auto const& pattern) { return is_like(line, pattern); });
    };
    std::erase_if(came, counts_not);
    std::vector<header> wanted;
    std::vector<header> had;
    for (auto const& one : came)
        had.push_back({one, ""});
    auto unmatched = came.begin(); // a pattern fits a line behind those that fitted before
    for (auto const& one : expected) {
        if (one.is == expectation::how::anything) return "";
        if (one.is == expectation::how::closed || counts_not(one.text)) continue;
        auto const fits = [&](std::string const& line) {
            return one.is == expectation::how::like ? is_like(line, one.text) : line == one.text;
        };
        auto const found = std::find_if(unmatched, came.end(), fits);
        wanted.push_back({found == came.end() ? one.text : *found, ""});
        if (found != came.end()) unmatched = found + 1;
    }
    if (wanted == had) return "";
    std::string text;
    for (auto const& one : test_server::difference(wanted, had))
        text += fmt::format("\n  {} {}", static_cast<char>(one.how), one.field.name);
    return text;
}

} // namespace milter::tools::script
