#include "tools/common_options.hpp"

#include "tools/socket_mode.hpp"

#include <charconv>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

namespace milter::tools {

namespace {

constexpr unsigned most_workers = 1000;

// The error shows where the number ends: "(>a<bc)".
std::uint64_t integer_of(std::string const& text, std::string const& option) {
    std::uint64_t number = 0;
    char const* const end_of_text = text.data() + text.size();
    auto const [end, wrong] = std::from_chars(text.data(), end_of_text, number);
    if (wrong == std::errc() && end == end_of_text && !text.empty()) return number;
    std::size_t const at = static_cast<std::size_t>(end - text.data());
    std::string const shown = text.empty()
                                  ? std::string("><")
                                  : fmt::format("{}>{}<{}", text.substr(0, at), text.substr(at, 1),
                                                at < text.size() ? text.substr(at + 1) : std::string());
    throw bad_argument(fmt::format("{}: invalid integer value: <{}>({})", option, text, shown));
}

void check_known(bool known, std::string const& option, char const* what, std::string const& text) {
    if (!known) throw bad_argument(fmt::format("{}: invalid {}: <{}>({})", option, what, text, text));
}

void user_options(arguments& line, common_options& into) {
    auto const take = [&line](std::string const& names, std::string const& spelling,
                              std::optional<std::string>& one, bool is_user, bool is_id, char const* help) {
        line.each(
            names,
            [&one, spelling, is_user, is_id](std::string const& text) {
                if (is_id) {
                    auto const number = static_cast<unsigned>(integer_of(text, spelling));
                    bool const known =
                        is_user ? ::getpwuid(number) != nullptr : ::getgrgid(number) != nullptr;
                    check_known(known, spelling, is_user ? "UID" : "GID", text);
                }
                one = text;
            },
            help);
    };
    take("-u,--user", "--user", into.user, true, false,
         "UID_OR_NAME: run as this user (root only; without it: nobody)");
    take("--user-id", "--user-id", into.user, true, true, "UID: the same, by number");
    take("--user-name", "--user-name", into.user, true, false, "NAME: the same, by name");
    take("-g,--group", "--group", into.group, false, false, "GID_OR_NAME: run as this group");
    take("--group-id", "--group-id", into.group, false, true, "GID: the same, by number");
    take("--group-name", "--group-name", into.group, false, false, "NAME: the same, by name");
}

void log_options(arguments& line, log_settings& into) {
    line.each(
        "--log-level",
        [&into](std::string const& text) {
            auto const found = levels_by_name(text);
            if (!found) throw bad_argument("--log-level: " + found.error());
            into.levels = *found;
        },
        "LEVEL: what is logged, e.g. warning|info; all, none");
    line.text("--log-path", into.path, "PATH: log there instead of standard error; - is standard output");
    line.action(
        "-v,--verbose", [&into] { into.levels = *levels_by_name("all"); }, "Log everything");
    line.action(
        "-q,--quiet", [&into] { into.levels = 0; }, "Log nothing");
    line.flag("--syslog", into.syslog, "Log to the system's log too");
    line.each(
        "--syslog-facility",
        [&into](std::string const& text) {
            auto const found = facility_by_name(text);
            if (!found) throw bad_argument("--syslog-facility: " + found.error());
            into.facility = *found;
        },
        "FACILITY: of the lines in the system's log (mail)");
}

void socket_options(arguments& line, common_options& into, std::string const& spelling) {
    line.each(
        "-s,--connection-spec",
        [&into, spelling](std::string const& text) {
            auto const where = wire::endpoint::parse(text);
            if (!where) throw bad_argument(fmt::format("{}: {}", spelling, where.error()));
            into.where = *where;
            into.default_place = false;
        },
        "SPEC: where to listen: unix:PATH, inet:PORT[@HOST], inet6:PORT[@HOST]");
    line.text("--unix-socket-group", into.listen.unix_group, "GROUP: of the unix socket");
    line.each(
        "--socket-group-name",
        [&into](std::string const& text) {
            into.listen.unix_group = text;
            into.old_group_name = true;
        },
        "GROUP: old name of --unix-socket-group");
    line.each(
        "--unix-socket-mode",
        [&into](std::string const& text) {
            auto const mode = mode_of(text);
            if (!mode) throw bad_argument("--unix-socket-mode: " + mode.error());
            into.listen.unix_mode = *mode;
        },
        "MODE: of the unix socket, octal or like u=rw,g=rw");
}

// What the machinery of the older library wanted to know: checked, without effect.
void idle_options(arguments& line) {
    for (std::string const name : {"--packet-buffer-size", "--max-pending-finished-sessions"})
        line.each(
            name, [name](std::string const& text) { integer_of(text, name); }, "N: has no effect here");
    line.each(
        "--event-loop-backend",
        [](std::string const& text) {
            if (text != "glib" && text != "libev")
                throw bad_argument(fmt::format("--event-loop-backend: unknown event loop backend: <{}> "
                                               "available values: [glib|libev]",
                                               text));
        },
        "glib or libev: has no effect here");
}

// "-s" or "--connection-spec", as its complaints name it.
std::string spelling_of_spec(int count, char const* const* words) {
    for (int index = 1; index < count; ++index)
        if (std::string_view(words[index]).starts_with("--connection-spec")) return "--connection-spec";
    return "-s";
}

} // namespace

void add_common_options(arguments& line, common_options& into, int count, char const* const* words) {
    socket_options(line, into, spelling_of_spec(count, words));
    user_options(line, into);
    log_options(line, into.log);
    line.text("--pid-file", into.pid_file, "FILE: gets the number of the process");
    line.action(
        "--daemon", [&into] { into.background = true; }, "Go into the background once it listens");
    line.action(
        "--no-daemon", [&into] { into.background = false; }, "Stay in the foreground");
    line.each(
        "--n-workers",
        [&into](std::string const& text) {
            auto const number = integer_of(text, "--n-workers");
            if (number > most_workers)
                throw bad_argument(fmt::format("--n-workers: too big: <{}>: parsed=<{}>, max=<{}>", text,
                                               number, most_workers));
            into.workers = static_cast<unsigned>(number);
        },
        "N: so many processes accept from the socket (0: this one)");
    idle_options(line);
    line.app().add_flag_callback(
        "--help-milter", [] { throw CLI::CallForHelp(); }, "Print this help and exit");
}

} // namespace milter::tools
