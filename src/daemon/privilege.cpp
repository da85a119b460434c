#include "daemon/privilege.hpp"

#include "config/blocks.hpp"

#include <cerrno>
#include <system_error>

#include <sys/prctl.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

std::string cannot_drop(std::string const& what, int number) {
    return "failed to drop privilege: " + what + ": " + std::generic_category().message(number);
}

} // namespace

tl::expected<std::optional<identity>, std::string> serving_user(config::fixed const& by) {
    if (::geteuid() != 0) return std::optional<identity>();
    auto who = find_identity(by.effective_user.value_or("nobody"), by.effective_group);
    if (!who) return tl::unexpected("failed to drop privilege: " + who.error());
    return std::optional(std::move(*who));
}

std::string drop_privileges(identity const& to, std::optional<wire::endpoint> const& socket) {
    if (to.uid == 0) return {}; // configured so
    bool const is_unix = socket && socket->family == wire::endpoint::kind::unix_socket;
    if (is_unix && ::lchown(socket->path.c_str(), to.uid, static_cast<gid_t>(-1)) < 0)
        return cannot_drop("cannot give " + socket->path + " to " + to.name, errno);
    if (int const failed = become(to))
        return cannot_drop("cannot become " + to.name + " without a way back", failed);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return cannot_drop("no_new_privs", errno);
    return {};
}

std::vector<config::complaint> complaints_about_root(config::snapshot const& what) {
    if (!config::runs_blocks(what)) return {};
    auto const said = what.locations.find("security.effective_user");
    return {{said == what.locations.end() ? "security.effective_user" : said->second,
             "security.effective_user is root, and conditions or hooks with Ruby blocks would run as root; "
             "another user is allowed"}};
}

} // namespace milter::daemon
