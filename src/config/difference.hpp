// Two configurations compared, for whoever changes from one to the other: what is new, by name and place, and
// which of it needs a restart. Takes nothing into effect, and shows no password.
#pragma once

#include "config/snapshot.hpp"

#include <string>
#include <vector>

namespace milter::config {

struct change {
    std::string name;  // "manager.max_connections", "milter.enabled of clamav", "milter clamav", ...
    std::string value; // the new one, as --show-config prints it; "added", "removed", "changed"
    std::string where; // "FILE:LINE" of the new value, "default", or "" for what is gone
    bool needs_restart = false;
    friend bool operator==(change const&, change const&) = default;
};

// In the order in which --show-config prints them. What a Ruby block does is not looked into.
std::vector<change> difference(snapshot const& before, snapshot const& after);
// Makes what needs a restart what it is in `running`.
void keep_what_needs_restart(snapshot& fresh, snapshot const& running);

} // namespace milter::config
