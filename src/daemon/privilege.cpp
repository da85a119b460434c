#include "daemon/privilege.hpp"

#include <cerrno>
#include <charconv>
#include <system_error>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

std::string failure(std::string const& what) {
    return "failed to drop privilege: " + what + ": " + std::generic_category().message(errno);
}

std::optional<unsigned> as_number(std::string const& text) {
    unsigned number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return number;
}

passwd const* find_user(std::string const& name) {
    auto const number = as_number(name);
    return number ? ::getpwuid(*number) : ::getpwnam(name.c_str());
}

group const* find_group(std::string const& name) {
    auto const number = as_number(name);
    return number ? ::getgrgid(*number) : ::getgrnam(name.c_str());
}

bool can_come_back() {
    return ::setuid(0) == 0 || ::seteuid(0) == 0;
}

} // namespace

std::string drop_privileges(std::optional<std::string> const& user, std::optional<std::string> const& group,
                            std::optional<wire::endpoint> const& socket) {
    if (::geteuid() != 0) return {};
    auto const name = user.value_or("nobody");
    passwd const* const entry = find_user(name);
    if (!entry) return "failed to drop privilege: failed to find password entry for effective user: " + name;
    auto const uid = entry->pw_uid;
    auto gid = entry->pw_gid;
    std::string const login = entry->pw_name;
    if (group) {
        auto const* const found = find_group(*group);
        if (!found)
            return "failed to drop privilege: failed to find group entry for effective group: " + *group;
        gid = found->gr_gid;
    }
    if (uid == 0) return {}; // configured so
    bool const is_unix = socket && socket->family == wire::endpoint::kind::unix_socket;
    if (is_unix && ::chown(socket->path.c_str(), uid, static_cast<gid_t>(-1)) < 0)
        return failure("cannot give " + socket->path + " to " + name);
    if (::initgroups(login.c_str(), gid) < 0) return failure("initgroups");
    if (::setresgid(gid, gid, gid) < 0) return failure("setresgid");
    if (::setresuid(uid, uid, uid) < 0) return failure("setresuid");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return failure("no_new_privs");
    if (can_come_back()) return "failed to drop privilege: root can be regained as " + name;
    return {};
}

} // namespace milter::daemon
