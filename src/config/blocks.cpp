#include "config/blocks.hpp"

#include "config/expressions.hpp"
#include "config/inspect.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace milter::config {

namespace {

bool asks_block(core::expression const& what, core::policy const& policy) {
    auto const all = expression_reader::questions_of(what);
    return std::any_of(all.begin(), all.end(), [&](std::uint32_t which) {
        return std::holds_alternative<core::ruby_block>(policy.questions.at(which).of);
    });
}

// Calls tell(milter, condition, rule) for each rule of an enabled milter that asks a block.
template <class Tell>
void each_asking_rule(snapshot const& what, Tell tell) {
    auto const& policy = what.live.policy;
    for (auto const& milter : what.milters) {
        if (!milter.enabled) continue;
        for (auto const which : milter.child.conditions)
            for (auto const& one : policy.conditions[which].rules)
                if (asks_block(one.when, policy)) tell(milter, policy.conditions[which], one);
    }
}

} // namespace

bool runs_blocks(snapshot const& what) {
    bool any = !what.hooks.maintained.empty() || !what.hooks.event_loop_created.empty();
    if (what.live.policy.client_check_interval.count() > 0)
        for (auto const& one : what.hooks.connection_checkers)
            any = any || !one.native;
    each_asking_rule(what, [&](auto const&...) { any = true; });
    return any;
}

std::vector<complaint> blocks_that_nobody_runs(snapshot const& what) {
    std::vector<complaint> all;
    each_asking_rule(what, [&](milter const& of, core::condition const& by, core::rule const& one) {
        all.push_back(
            {one.where,
             fmt::format("define_milter({}): the condition {} asks a Ruby block, and a configuration in "
                         "JSON comes without Ruby; use milter-manager.conf, or say it in words",
                         inspect(of.child.name), inspect(by.name))});
    });
    return all;
}

} // namespace milter::config
