#include "proxy/health.hpp"

#include <set>

#include <fmt/format.h>

namespace milter::proxy {

std::optional<core::milliseconds> health::left_alone(core::child_policy const& child, time_point now) {
    if (child.breaker_failures == 0) return {};
    std::lock_guard const alone(mutex_);
    auto const found = states_.find(child.where.text());
    if (found == states_.end() || !found->second.given_up) return {};
    auto& mine = found->second;
    if (now < mine.until) return std::chrono::ceil<core::milliseconds>(mine.until - now);
    mine.until = now + child.breaker_pause; // the others wait for this one
    return {};
}

bool health::is_left_alone(core::child_policy const& child) const {
    std::lock_guard const alone(mutex_);
    auto const found = states_.find(child.where.text());
    return found != states_.end() && found->second.given_up;
}

void health::connected(core::child_policy const& child) {
    if (child.breaker_failures == 0) return;
    std::lock_guard const alone(mutex_);
    auto const found = states_.find(child.where.text());
    if (found == states_.end()) return;
    if (found->second.given_up)
        log_.event(observe::level::info, "child_back",
                   {{"child", child.name}, {"endpoint", child.where.text()}});
    states_.erase(found);
}

void health::failed(core::child_policy const& child, time_point now) {
    if (on_failure_) on_failure_(child);
    if (child.breaker_failures == 0) return;
    std::lock_guard const alone(mutex_);
    auto& mine = states_[child.where.text()];
    ++mine.failures;
    if (mine.failures < child.breaker_failures) return;
    mine.until = now + child.breaker_pause;
    if (mine.given_up) return;
    mine.given_up = true;
    log_.event(observe::level::warning, "child_left_alone",
               {{"child", child.name},
                {"endpoint", child.where.text()},
                {"count", std::to_string(mine.failures)},
                {"timeout_ms", std::to_string(child.breaker_pause.count())}},
               "connecting failed; its fallback counts at once, and it is tried again after that time");
}

void health::keep_only(std::vector<core::child_policy> const& children) {
    std::set<std::string> named;
    for (auto const& child : children)
        if (child.breaker_failures > 0) named.insert(child.where.text());
    std::lock_guard const alone(mutex_);
    std::erase_if(states_, [&](auto const& one) { return !named.contains(one.first); });
}

} // namespace milter::proxy
