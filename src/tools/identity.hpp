// A user of the system as whom something runs, with group and supplementary groups; looked up once, then
// independent of the system's databases. Becoming somebody has no way back, which is checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <tl/expected.hpp>

namespace milter::tools {

struct identity {
    std::string name;
    std::string home;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; // all of them
};

// user, group: a name or a number; without a group: the user's own. The error says who is not known.
tl::expected<identity, std::string> find_identity(std::string const& user,
                                                  std::optional<std::string> const& group = {});

// Group, supplementary groups and user of this process, of all kinds, without any capability. 0, or the
// error number: then nothing may be done but to end. EPERM also when root could come back.
int become(identity const& who);

} // namespace milter::tools
