#include "filter/macros.hpp"

namespace milter::filter {

namespace {

std::string_view bare(std::string_view name) {
    if (name.size() > 2 && name.front() == '{' && name.back() == '}') return name.substr(1, name.size() - 2);
    return name;
}

} // namespace

std::vector<macro_value> pairs_of(wire::macros told) {
    std::vector<macro_value> out;
    while (auto const one = told.next())
        out.push_back({std::string(bare(one->first)), std::string(one->second)});
    return out;
}

// protocol 5.2: Postfix sends a set before everything, often an empty one; those of L, B and U have no stage.
void macros::take(wire::macros told) {
    auto const stage = stages.find(told.for_command);
    if (stage == std::string_view::npos || told.pairs.empty()) return;
    told_[stage] = pairs_of(told);
}

// protocol 5.3; a repeated C, H, M or R keeps its own set, which came just before it.
void macros::begin(char command) {
    auto const stage = std::string_view("CHMR").find(command);
    if (stage == std::string_view::npos) return;
    for (auto later = stage + 1; later < told_.size(); ++later)
        told_[later].clear();
}

void macros::clear() {
    for (auto& stage : told_)
        stage.clear();
}

std::optional<std::string_view> macros::find(std::string_view name) const {
    auto const wanted = bare(name);
    for (auto stage = told_.rbegin(); stage != told_.rend(); ++stage)
        for (auto const& one : *stage)
            if (one.name == wanted) return one.value;
    return std::nullopt;
}

} // namespace milter::filter
