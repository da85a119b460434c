#include "tools/conformance/report.hpp"

#include "tools/utf8.hpp"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::conformance {

namespace {

std::string_view name_of(finding::kind is) {
    return is == finding::kind::passed ? "passed" : is == finding::kind::broken ? "broken" : "not tried";
}

template <class Tell>
std::array<std::size_t, 3> each(findings const& found, words const& only, Tell const& tell) {
    std::array<std::size_t, 3> counts{};
    for (auto const& one : all_rules()) {
        if (!only.empty() && !only.contains(one.word)) continue;
        auto const what = found.of(one.word);
        ++counts[static_cast<std::size_t>(what.is)];
        tell(one, what);
    }
    return counts;
}

} // namespace

std::string table(findings const& found, words const& only) {
    std::string text;
    auto const counts = each(found, only, [&](rule const& one, finding const& what) {
        text += fmt::format("{:<9}  {:<20}  {}", name_of(what.is), one.word, one.sentence);
        if (!what.why.empty()) text += fmt::format("\n{:11}{}", "", what.why);
        if (what.is == finding::kind::broken) text += fmt::format(" (protocol {})", one.clause);
        text += '\n';
    });
    return fmt::format("{}\n{} passed, {} broken, {} not tried\n", text, counts[1], counts[2], counts[0]);
}

std::string json(findings const& found, words const& only) {
    boost::json::array rules;
    auto const counts = each(found, only, [&](rule const& one, finding const& what) {
        boost::json::object told{{"rule", one.word},
                                 {"result", name_of(what.is)},
                                 {"sentence", one.sentence},
                                 {"clause", one.clause}};
        if (!what.why.empty()) told["why"] = as_utf8(what.why);
        rules.push_back(std::move(told));
    });
    boost::json::object const all{
        {"rules", std::move(rules)}, {"passed", counts[1]}, {"broken", counts[2]}, {"not_tried", counts[0]}};
    return boost::json::serialize(all) + "\n";
}

bool any_broken(findings const& found, words const& only) {
    return std::ranges::any_of(all_rules(), [&](rule const& one) {
        return (only.empty() || only.contains(one.word)) && found.of(one.word).is == finding::kind::broken;
    });
}

} // namespace milter::tools::conformance
