#include "config/checkers.hpp"

#include "config/inspect.hpp"

#include <fmt/format.h>

namespace milter::config {

std::vector<std::string> checker_warnings(snapshot const& what) {
    constexpr std::string_view interval = "manager.connection_check_interval";
    auto const& checkers = what.hooks.connection_checkers;
    std::vector<std::string> lines;
    if (what.live.connection_check_interval.count() > 0 && checkers.empty()) {
        auto const found = what.locations.find(interval);
        lines.push_back(fmt::format("{}: {} has no effect without a connection checker; add "
                                    "manager.use_netstat_connection_checker({})",
                                    found == what.locations.end() ? "default" : found->second, interval,
                                    what.live.connection_check_interval.count()));
    }
    if (what.live.connection_check_interval.count() == 0)
        for (auto const& one : checkers)
            lines.push_back(fmt::format("{}: the connection checker {} is never asked; set {}", one.where,
                                        inspect(one.name), interval));
    return lines;
}

} // namespace milter::config
