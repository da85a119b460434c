#include "config/pending.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace milter::config {

namespace {

// A feature that comes takes its line away here, and what docs/manual/configuration.md says of it; then
// docs/manual/settings.md is printed anew.
constexpr std::array pending_settings{
    std::string_view("security.privilege_mode"),
    std::string_view("manager.suspend_time_on_unacceptable"),
    std::string_view("manager.fallback_status_at_disconnect"),
    std::string_view("manager.connection_check_interval"),
    std::string_view("controller.connection_spec"),
};
constexpr std::array pending_attributes{
    std::string_view("command"),
    std::string_view("command_options"),
    std::string_view("user_name"),
};

std::string line(std::string const& place, std::string_view setting) {
    return place + ": " + std::string(setting) + " has no effect in this version";
}

// Its commands come from detection; nobody set them.
bool detected(milter const& one, snapshot const& what) {
    auto const defined = one.locations.find("define_milter");
    return defined != one.locations.end() &&
           std::any_of(what.detection.begin(), what.detection.end(), [&](auto const& found) {
               return found.name == one.child.name && found.location == defined->second;
           });
}

} // namespace

bool is_pending(std::string_view section, std::string_view name) {
    if (section == "milter")
        return std::find(pending_attributes.begin(), pending_attributes.end(), name) !=
               pending_attributes.end();
    return std::any_of(pending_settings.begin(), pending_settings.end(), [&](std::string_view one) {
        return one.starts_with(section) && one.substr(section.size()).starts_with('.') &&
               one.substr(section.size() + 1) == name;
    });
}

std::vector<std::string> without_effect(snapshot const& what) {
    std::vector<std::string> lines;
    for (auto const name : pending_settings)
        if (auto const found = what.locations.find(name); found != what.locations.end())
            lines.push_back(line(found->second, name));
    for (auto const& one : what.milters) {
        bool const found_out = detected(one, what);
        for (auto const name : pending_attributes) {
            if (found_out && name.starts_with("command")) continue;
            if (auto const found = one.locations.find(name); found != one.locations.end())
                lines.push_back(line(found->second, "milter." + std::string(name) + " of " + one.child.name));
        }
    }
    for (auto const& one : what.hooks.connection_checkers)
        lines.push_back(line(one.where, "connection checker " + one.name));
    return lines;
}

} // namespace milter::config
