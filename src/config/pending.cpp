#include "config/pending.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace milter::config {

namespace {

// A feature that comes takes its line away here, and what docs/manual/configuration.md says of it; then
// docs/manual/settings.md is printed anew.
constexpr std::array<std::string_view, 0> pending_settings{};

std::string line(std::string const& place, std::string_view setting) {
    return place + ": " + std::string(setting) + " has no effect in this version";
}

} // namespace

bool is_pending(std::string_view section, std::string_view name) {
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
    return lines;
}

} // namespace milter::config
