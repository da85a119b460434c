#include "daemon/control/left_out.hpp"

#include <cstdint>

namespace milter::daemon::control {

core::policy without(core::policy const& all, child_names const& names) {
    auto fewer = all;
    auto const condition = static_cast<std::uint32_t>(fewer.conditions.size());
    core::rule everybody;
    everybody.at = core::stage::connect;
    everybody.when.what = core::always{};
    fewer.conditions.push_back({std::string(by_the_operator), "", {everybody}});
    for (auto& one : fewer.children) {
        if (!names.contains(one.name)) continue;
        one.conditions.insert(one.conditions.begin(), condition); // before any that asks somebody
        one.pool_size = 0;
    }
    return fewer;
}

} // namespace milter::daemon::control
