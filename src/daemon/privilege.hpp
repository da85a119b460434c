// Giving up root, for good: group, supplementary groups, user, no way back (checked), no new privileges. Does
// nothing for a process that is not root.
#pragma once

#include "wire/endpoint.hpp"

#include <optional>
#include <string>

namespace milter::daemon {

// user, group: a name or a number; without a user: nobody. A unix socket that has been opened is given to the
// user. "" when it is done; else what failed, and then nothing may be served.
std::string drop_privileges(std::optional<std::string> const& user, std::optional<std::string> const& group,
                            std::optional<wire::endpoint> const& socket);

} // namespace milter::daemon
