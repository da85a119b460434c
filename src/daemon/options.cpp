#include "daemon/options.hpp"

#include "config/built_in.hpp"
#include "config/nearest.hpp"
#include "config/schema.hpp"
#include "config/settings_page.hpp"

#include <algorithm>
#include <charconv>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::daemon {

namespace {

namespace json = boost::json;
using converted = tl::expected<json::value, std::string>;

converted as_text(std::string const& word) {
    return json::string(word);
}

converted as_integer(std::string const& word) {
    std::int64_t number = 0;
    auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc{} && end == word.data() + word.size()) return number;
    return tl::unexpected(fmt::format("\"{}\" is not an integer", word));
}

converted as_id(std::string const& word) {
    auto const number = as_integer(word);
    if (!number) return number;
    return json::string(word);
}

// The bits of "u", "g", "o" or "a" for "r", "w", "x" or "s" letters.
tl::expected<unsigned, std::string> symbolic_part(std::string_view part) {
    auto const sign = part.find_first_of("=+-");
    if (sign == std::string_view::npos || sign == 0)
        return tl::unexpected(fmt::format("\"{}\" has no \"=\"", part));
    if (part[sign] != '=') {
        return tl::unexpected(fmt::format("set mode must be \"=\", not \"{}\": \"{}\"", part[sign], part));
    }
    unsigned bits = 0;
    for (char const letter : part.substr(sign + 1)) {
        auto const which = std::string_view("xwr").find(letter);
        if (which == std::string_view::npos) {
            return tl::unexpected(fmt::format("\"{}\" is none of r, w, x: \"{}\"", letter, part));
        }
        bits |= 1U << which;
    }
    unsigned mode = 0;
    for (char const who : part.substr(0, sign)) {
        switch (who) {
        case 'u':
            mode |= bits << 6;
            break;
        case 'g':
            mode |= bits << 3;
            break;
        case 'o':
            mode |= bits;
            break;
        case 'a':
            mode |= bits << 6 | bits << 3 | bits;
            break;
        default:
            return tl::unexpected(fmt::format("\"{}\" is none of u, g, o, a: \"{}\"", who, part));
        }
    }
    return mode;
}

// Octal digits, or "u=rw,g=rw".
converted as_mode(std::string const& word) {
    unsigned mode = 0;
    auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), mode, 8);
    if (error == std::errc{} && end == word.data() + word.size()) return mode;
    mode = 0;
    for (std::string_view rest = word; !rest.empty();) {
        auto const comma = rest.find(',');
        auto const part = symbolic_part(rest.substr(0, comma));
        if (!part) return tl::unexpected(part.error());
        mode |= *part;
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    if (word.empty()) return tl::unexpected(std::string("a mode must not be empty"));
    return mode;
}

template <bool Value>
converted as_flag(std::string const&) {
    return Value;
}
converted as_all(std::string const&) {
    return json::string("all");
}
converted as_none(std::string const&) {
    return json::string("none");
}

// An option that overrides a setting of the files. argument: its name in the help; "" = it has none.
struct overriding {
    char const* names;
    char const* argument;
    char const* section;
    char const* setting;
    converted (*convert)(std::string const&);
    char const* help;
};

constexpr overriding table[] = {
    {"-s,--connection-spec", "SPEC", "manager", "connection_spec", as_text, "Listen on SPEC for the MTA."},
    {"--log-level", "LEVEL", "log", "level", as_text, "What to log, e.g. \"default|info\"."},
    {"--log-path", "PATH", "log", "path", as_text, "Log to this file; \"-\" is standard output."},
    {"-v,--verbose", "", "log", "level", as_all, "Log everything."},
    {"-q,--quiet", "", "log", "level", as_none, "Log nothing."},
    {"--syslog", "", "log", "use_syslog", as_flag<true>, "Log to the system's log too."},
    {"--syslog-facility", "FACILITY", "log", "syslog_facility", as_text, "Facility for the system's log."},
    {"--daemon", "", "manager", "daemon", as_flag<true>, "Run in the background."},
    {"--no-daemon", "", "manager", "daemon", as_flag<false>, "Run in the foreground."},
    {"-u,--user", "UID_OR_NAME", "security", "effective_user", as_text, "Run as this user."},
    {"--user-id", "UID", "security", "effective_user", as_id, "The same, by number."},
    {"--user-name", "NAME", "security", "effective_user", as_text, "The same, by name."},
    {"-g,--group", "GID_OR_NAME", "security", "effective_group", as_text, "Run as this group."},
    {"--group-id", "GID", "security", "effective_group", as_id, "The same, by number."},
    {"--group-name", "NAME", "security", "effective_group", as_text, "The same, by name."},
    {"--unix-socket-group", "GROUP", "manager", "unix_socket_group", as_text, "Group of the Unix socket."},
    {"--socket-group-name", "GROUP", "manager", "unix_socket_group", as_text,
     "Old name of --unix-socket-group."},
    {"--unix-socket-mode", "MODE", "manager", "unix_socket_mode", as_mode,
     "Mode of the Unix socket: octal, or \"u=rw,g=rw\"."},
    {"--n-workers", "N", "manager", "n_workers", as_integer, "Number of worker threads; 0 = one a core."},
    {"--event-loop-backend", "NAME", "manager", "event_loop_backend", as_text,
     "glib or libev; has no effect."},
    {"--packet-buffer-size", "SIZE", "manager", "packet_buffer_size", as_integer, "Has no effect."},
    {"--pid-file", "FILE", "manager", "pid_file", as_text, "Write the process number to FILE."},
    {"--max-pending-finished-sessions", "N", "manager", "max_pending_finished_sessions", as_integer,
     "Has no effect."},
};

// CLI11's objects for the command line, and what they hold after it was read.
class command_line {
public:
    command_line();
    tl::expected<options, farewell> read(int argc, char const* const* argv);

private:
    farewell mistake(std::string const& what) const {
        return {1, fmt::format("{}\n\n{}", what, app_.help())};
    }
    std::optional<std::string> unknown() const;
    tl::expected<options, farewell> chosen() const;

    CLI::App app_{"A filter manager between a mail server and its milters.", "milter-manager"};
    std::vector<std::pair<overriding const*, CLI::Option*>> overriding_;
    std::string config_dir_;
    std::string config_file_;
    bool show_config_ = false;
    bool check_config_ = false;
    bool explain_detection_ = false;
    bool config_reference_ = false;
    bool config_schema_ = false;
    bool version_ = false;
};

command_line::command_line() {
    app_.set_help_flag("-h,--help,--help-milter", "Print this and end.");
    app_.allow_extras();
    app_.add_option("-c,--config-dir", config_dir_, "Look for milter-manager.conf in this directory first.")
        ->option_text("DIRECTORY");
    app_.add_option("--config-file", config_file_, "Read this JSON file instead of milter-manager.conf.")
        ->option_text("FILE");
    app_.add_flag("--show-config", show_config_, "Print the configuration and end.");
    app_.add_flag("--check-config", check_config_, "Say what would run, or what is wrong, and end.");
    app_.add_flag("--explain-detection", explain_detection_,
                  "Say which installed milters were found, where, and why each takes part or not, and end.");
    app_.add_flag("--config-reference", config_reference_,
                  "Print the reference of all settings, as Markdown, and end.");
    app_.add_flag("--config-schema", config_schema_,
                  "Print the JSON Schema of the configuration as JSON (--config-file), and end.");
    app_.add_flag("--version", version_, "Print the version and end.");
    for (auto const& one : table) {
        bool const is_flag = *one.argument == '\0';
        auto* option = is_flag ? app_.add_flag(one.names, one.help)
                               : app_.add_option(one.names, one.help)->expected(1)->option_text(one.argument);
        if (!is_flag) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        overriding_.emplace_back(&one, option);
    }
}

// The first word that is no option and no option's value.
std::optional<std::string> command_line::unknown() const {
    auto const extra = app_.remaining();
    if (extra.empty()) return std::nullopt;
    if (!extra.front().starts_with("-"))
        return fmt::format("Unknown argument {}: there are only options", extra.front());
    std::vector<std::string> names;
    for (auto const* option : app_.get_options()) {
        for (auto const& name : option->get_lnames())
            names.push_back("--" + name);
    }
    std::vector<std::string_view> const known(names.begin(), names.end());
    auto const name = extra.front().substr(0, extra.front().find('='));
    return fmt::format("Unknown option {}; the nearest known one is {}", name, config::nearest(name, known));
}

tl::expected<options, farewell> command_line::chosen() const {
    options result;
    if (app_.count("--config-dir") != 0) result.config_dir = config_dir_;
    if (app_.count("--config-file") != 0) result.config_file = config_file_;
    if (check_config_) result.task = task::check_config;
    if (explain_detection_) result.task = task::explain_detection;
    if (show_config_) result.task = task::show_config;
    for (auto const* given : app_.parse_order()) {
        auto const found = std::find_if(overriding_.begin(), overriding_.end(),
                                        [&](auto const& one) { return one.second == given; });
        if (found == overriding_.end()) continue;
        auto const& option = *found->first;
        auto const name = "--" + given->get_lnames().front();
        auto to = option.convert(given->results().back());
        if (!to) return tl::unexpected(mistake(fmt::format("{}: {}", name, to.error())));
        config::override_value const override{option.section, option.setting, std::move(*to), name};
        if (auto const problem = config::problem_of(override))
            return tl::unexpected(mistake(problem->text()));
        result.overrides.push_back(override);
    }
    return result;
}

tl::expected<options, farewell> command_line::read(int argc, char const* const* argv) {
    try {
        app_.parse(argc, argv);
    } catch (CLI::CallForHelp const&) {
        return tl::unexpected(farewell{0, app_.help()});
    } catch (CLI::ParseError const& error) {
        return tl::unexpected(mistake(error.what()));
    }
    if (auto const what = unknown()) return tl::unexpected(mistake(*what));
    if (version_)
        return tl::unexpected(farewell{0, fmt::format("milter-manager {}\n", config::built_in::version)});
    if (config_reference_) return tl::unexpected(farewell{0, config::settings_page()});
    if (config_schema_) return tl::unexpected(farewell{0, json::serialize(config::schema()) + "\n"});
    return chosen();
}

} // namespace

tl::expected<options, farewell> parse_options(int argc, char const* const* argv) {
    return command_line().read(argc, argv);
}

} // namespace milter::daemon
