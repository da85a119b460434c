#include "daemon/launch_table.hpp"

#include "config/commands.hpp"
#include "config/inspect.hpp"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

namespace milter::daemon {

namespace {

std::string written(config::milter const& of) {
    std::string text;
    for (auto const* part : {&of.command, &of.command_options, &of.user_name})
        text += part->value_or("") + '\0';
    return text;
}

std::string place(config::milter const& of, std::string_view attribute) {
    auto const found = of.locations.find(attribute);
    return found == of.locations.end() ? "milter " + of.child.name : found->second;
}

class judging {
public:
    judging(config::snapshot const& what, bool as_root) : what_(what), as_root_(as_root) {}

    launch_table result() && {
        for (auto const& one : what_.milters)
            if (one.enabled && one.where && !config::is_left_to_service_manager(one, what_)) judge(one);
        return std::move(table_);
    }

private:
    void judge(config::milter const& one) {
        launch_command made{config::words_of_command(one), {}, written(one)};
        if (made.words.empty()) return;
        if (as_root_ && !what_.fixed.privilege_mode)
            return warn(one, "command", "is not run: security.privilege_mode is not true");
        if (auto const& program = made.words.front();
            program.empty() || (!program.starts_with('/') && program.find('/') != std::string::npos))
            return complain(one, "command",
                            fmt::format("milter.command begins with {}; an absolute path, or a name without "
                                        "\"/\", is allowed",
                                        config::inspect(program)));
        if (as_root_) {
            if (!give_user(one, made)) return;
        } else if (one.user_name && !is_us(*one.user_name)) {
            warn(one, "user_name", "has no effect: the process was not started as root");
        }
        auto& all = table_.commands;
        if (std::find(all.begin(), all.end(), made) == all.end()) all.push_back(std::move(made));
    }

    bool give_user(config::milter const& one, launch_command& to) {
        if (!one.user_name) {
            complain(one, "command",
                     "a command without milter.user_name would run as root; name the user that the milter "
                     "runs as");
            return false;
        }
        auto user = find_identity(*one.user_name);
        if (!user) {
            complain(one, "user_name",
                     fmt::format("milter.user_name is {}; the name or number of a user of this system is "
                                 "allowed",
                                 config::inspect(*one.user_name)));
            return false;
        }
        if (user->uid == 0 || user->gid == 0) {
            complain(
                one, "user_name",
                fmt::format("milter.user_name is {}; nothing is run as root, and another user is allowed",
                            config::inspect(*one.user_name)));
            return false;
        }
        to.user = std::move(*user);
        return true;
    }

    static bool is_us(std::string const& name) {
        auto const user = find_identity(name);
        return user && user->uid == ::geteuid();
    }

    void warn(config::milter const& one, std::string_view attribute, std::string_view text) {
        table_.warnings.push_back(
            fmt::format("{}: milter.{} of {} {}", place(one, attribute), attribute, one.child.name, text));
    }

    void complain(config::milter const& one, std::string_view attribute, std::string_view text) {
        table_.complaints.push_back(
            {place(one, attribute),
             fmt::format("define_milter({}): {}", config::inspect(one.child.name), text)});
    }

    config::snapshot const& what_;
    bool as_root_;
    launch_table table_;
};

} // namespace

launch_table launch_table_of(config::snapshot const& what, bool as_root) {
    return judging(what, as_root).result();
}

std::optional<std::uint32_t> find_command(std::vector<launch_command> const& table,
                                          config::milter const& of) {
    auto const wanted = written(of);
    for (std::uint32_t n = 0; n < table.size(); ++n)
        if (table[n].written == wanted) return n;
    return {};
}

} // namespace milter::daemon
