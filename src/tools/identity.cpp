#include "tools/identity.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace milter::tools {

namespace {

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

std::vector<gid_t> groups_of(std::string const& login, gid_t gid) {
    int count = 64;
    std::vector<gid_t> all(static_cast<std::size_t>(count));
    while (::getgrouplist(login.c_str(), gid, all.data(), &count) < 0)
        all.resize(std::max(static_cast<std::size_t>(count), 2 * all.size()));
    all.resize(static_cast<std::size_t>(count));
    return all;
}

bool has_groups(std::vector<gid_t> wanted) {
    std::vector<gid_t> held(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    if (::getgroups(static_cast<int>(held.size()), held.data()) != static_cast<int>(held.size()))
        return false;
    for (auto* const one : {&wanted, &held}) {
        std::sort(one->begin(), one->end());
        one->erase(std::unique(one->begin(), one->end()), one->end());
    }
    return wanted == held;
}

bool is(identity const& who) {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    if (::getresuid(&real, &effective, &saved) < 0) return false;
    if (real != who.uid || effective != who.uid || saved != who.uid) return false;
    gid_t real_group = 0;
    gid_t effective_group = 0;
    gid_t saved_group = 0;
    if (::getresgid(&real_group, &effective_group, &saved_group) < 0) return false;
    return real_group == who.gid && effective_group == who.gid && saved_group == who.gid &&
           has_groups(who.groups);
}

bool has_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) < 0) return true;
    return std::any_of(sets.begin(), sets.end(),
                       [](auto const& part) { return part.effective != 0 || part.permitted != 0; });
}

bool can_come_back() {
    return ::setuid(0) == 0 || ::seteuid(0) == 0;
}

} // namespace

tl::expected<identity, std::string> find_identity(std::string const& user,
                                                  std::optional<std::string> const& group) {
    passwd const* const entry = find_user(user);
    if (!entry) return tl::unexpected("failed to find password entry for effective user: " + user);
    identity who{entry->pw_name, entry->pw_dir, entry->pw_uid, entry->pw_gid, {}};
    if (group) {
        auto const* const found = find_group(*group);
        if (!found) return tl::unexpected("failed to find group entry for effective group: " + *group);
        who.gid = found->gr_gid;
    }
    who.groups = groups_of(who.name, who.gid);
    return who;
}

int become(identity const& who) {
    if (::setgroups(who.groups.size(), who.groups.data()) < 0) return errno;
    if (::setresgid(who.gid, who.gid, who.gid) < 0) return errno;
    if (::setresuid(who.uid, who.uid, who.uid) < 0) return errno;
    if (!is(who)) return EPERM;
    return who.uid != 0 && (has_capabilities() || can_come_back()) ? EPERM : 0;
}

} // namespace milter::tools
