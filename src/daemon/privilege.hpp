// Giving up root, for good: group, supplementary groups, user, no way back (checked), no new privileges. And
// what nobody may do as long as somebody is root.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"
#include "tools/identity.hpp"

#include <optional>
#include <string>
#include <vector>

namespace milter::daemon {

using tools::become;
using tools::find_identity;
using tools::identity;

// As whom a process that root has started serves: security.effective_user, else nobody. Nothing for a
// process that is not root. The error says which name is not known.
tl::expected<std::optional<identity>, std::string> serving_user(config::fixed const& by);

// A unix socket that has been opened is given to the user. "" when it is done; else what failed, and then
// nothing may be served. Does nothing to become root.
std::string drop_privileges(identity const& to, std::optional<wire::endpoint> const& socket);

// What would run as root in a process that stays root: the Ruby blocks of conditions and hooks.
std::vector<config::complaint> complaints_about_root(config::snapshot const& what);

} // namespace milter::daemon
