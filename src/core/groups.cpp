#include "core/groups.hpp"

#include <numeric>

namespace milter::core {

std::vector<child_index> groups_of(std::span<child_policy const> children) {
    std::vector<child_index> first(children.size());
    std::iota(first.begin(), first.end(), child_index{0});
    child_policy const* before = nullptr; // the last that is heard
    child_index group = 0;                // its
    for (child_index i = 0; i < children.size(); ++i) {
        auto const& one = children[i];
        bool const joins = before && one.parallel_group && one.parallel_group == before->parallel_group;
        if (joins) first[i] = group;
        if (one.evaluation_mode) continue;
        group = first[i];
        before = &one;
    }
    return first;
}

std::vector<child_index> dissolve(std::span<child_index> groups, chain const& children) {
    std::vector<child_index> dissolved;
    for (child_index i = 0; i < groups.size(); ++i) {
        int changing = 0;
        for (child_index k = i; k < groups.size(); ++k) {
            auto const& one = children.at(k);
            if (groups[k] == i && one.ready() && !one.evaluated() && one.agreed.can_change_body()) ++changing;
        }
        if (changing < 2) continue;
        dissolved.push_back(i);
        for (child_index k = i; k < groups.size(); ++k)
            if (groups[k] == i) groups[k] = k;
    }
    return dissolved;
}

} // namespace milter::core
