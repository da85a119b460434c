#include "daemon/options.hpp"

#include "config/built_in.hpp"
#include "config/nearest.hpp"
#include "config/schema.hpp"
#include "config/settings_page.hpp"
#include "observe/events.hpp"
#include "observe/metrics_table.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>

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
    void add_explain();
    void add_record();
    tl::expected<std::optional<proxy::record_wish>, std::string> record_wish() const;
    std::string problem_of_explain() const;

    CLI::App app_{"A filter manager between a mail server and its milters.", "milter-manager"};
    std::vector<std::pair<overriding const*, CLI::Option*>> overriding_;
    std::string config_dir_;
    std::string config_file_;
    bool show_config_ = false;
    bool check_config_ = false;
    bool explain_detection_ = false;
    bool config_reference_ = false;
    bool config_schema_ = false;
    bool log_reference_ = false;
    bool replace_ = false;
    bool metrics_reference_ = false;
    bool version_ = false;
    bool explain_ = false;
    explain::request mail_;
    std::string record_;
    std::string record_sample_ = "1";
    std::string record_mask_;
    std::string record_max_bytes_ = "104857600";
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
    app_.add_flag("--log-reference", log_reference_,
                  "Print the reference of all events and keys of the log, as Markdown, and end.");
    app_.add_flag(
        "--replace", replace_,
        "Take the sockets over from the running milter-manager, which finishes its sessions and ends.");
    app_.add_flag("--metrics-reference", metrics_reference_,
                  "Print the table of all metrics, as Markdown, and end.");
    app_.add_flag("--version", version_, "Print the version and end.");
    add_explain();
    add_record();
    for (auto const& one : table) {
        bool const is_flag = *one.argument == '\0';
        auto* option = is_flag ? app_.add_flag(one.names, one.help)
                               : app_.add_option(one.names, one.help)->expected(1)->option_text(one.argument);
        if (!is_flag) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        overriding_.emplace_back(&one, option);
    }
}

void command_line::add_explain() {
    app_.add_flag("--explain", explain_,
                  "Run one mail through the conditions and the milters, print what became of it, and end.");
    auto const add = [this](char const* name, std::string& to, char const* word, char const* help) {
        app_.add_option(name, to, help)
            ->option_text(word)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    };
    add("--client", mail_.client, "ADDRESS", "Of --explain: the IP address of the SMTP client.");
    add("--client-name", mail_.client_name, "NAME", "Of --explain: its name; without, it has none.");
    add("--helo", mail_.helo, "NAME", "Of --explain: what it says in HELO.");
    add("--from", mail_.from, "ADDRESS", "Of --explain: the sender.");
    app_.add_option("--to", mail_.to, "Of --explain: a recipient; may be given several times.")
        ->expected(1)
        ->option_text("ADDRESS")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    add("--mail-file", mail_.mail_file, "FILE", "Of --explain: header and body.");
    app_.add_flag("--dry", mail_.dry, "Of --explain: only the conditions; no milter is asked.");
    app_.add_flag("--json", mail_.json, "Of --explain: print JSON.");
}

std::string command_line::problem_of_explain() const {
    if (explain_) return explain::problem_of(mail_);
    for (auto const* name :
         {"--client", "--client-name", "--helo", "--from", "--to", "--mail-file", "--dry", "--json"})
        if (app_.count(name) != 0) return fmt::format("{} is an option of --explain", name);
    return {};
}

void command_line::add_record() {
    auto const add = [this](char const* name, std::string& to, char const* word, char const* help) {
        app_.add_option(name, to, help)
            ->option_text(word)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    };
    add("--record", record_, "DIRECTORY",
        "Write each session to a file there, for milter-test-server --replay.");
    add("--record-sample", record_sample_, "FRACTION",
        "Of --record: of so many of the sessions, 0 to 1 (1).");
    add("--record-mask", record_mask_, "WHAT", "Of --record: hide addresses, bodies, or addresses,bodies.");
    add("--record-max-bytes", record_max_bytes_, "N",
        "Of --record: of all files together (104857600); the oldest are removed.");
}

tl::expected<std::optional<proxy::record_wish>, std::string> command_line::record_wish() const {
    for (auto const* name : {"--record-sample", "--record-mask", "--record-max-bytes"})
        if (record_.empty() && app_.count(name) != 0)
            return tl::unexpected(fmt::format("{} is an option of --record", name));
    if (record_.empty()) return std::nullopt;
    proxy::record_wish wish;
    wish.directory = record_;
    char* end = nullptr;
    wish.sample = std::strtod(record_sample_.c_str(), &end);
    if (record_sample_.empty() || *end != '\0' || !(wish.sample >= 0 && wish.sample <= 1))
        return tl::unexpected(
            fmt::format("--record-sample: \"{}\" is not a number from 0 to 1", record_sample_));
    for (std::string_view rest = record_mask_; !rest.empty();) {
        auto const word = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        if (word != "addresses" && word != "bodies")
            return tl::unexpected(fmt::format("--record-mask: \"{}\" is neither addresses nor bodies", word));
        (word == "bodies" ? wish.masks.bodies : wish.masks.addresses) = true;
    }
    auto const most = as_integer(record_max_bytes_);
    if (!most || most->as_int64() <= 0)
        return tl::unexpected(
            fmt::format("--record-max-bytes: \"{}\" is not a number of bytes", record_max_bytes_));
    wish.max_bytes = static_cast<std::uint64_t>(most->as_int64());
    return wish;
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
    result.replace = replace_;
    if (check_config_) result.task = task::check_config;
    if (explain_detection_) result.task = task::explain_detection;
    if (show_config_) result.task = task::show_config;
    if (auto const problem = problem_of_explain(); !problem.empty()) return tl::unexpected(mistake(problem));
    if (explain_) result.task = task::explain;
    result.mail = mail_;
    auto record = record_wish();
    if (!record) return tl::unexpected(mistake(record.error()));
    result.record = std::move(*record);
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
    if (log_reference_) return tl::unexpected(farewell{0, observe::log_reference()});
    if (config_schema_) return tl::unexpected(farewell{0, json::serialize(config::schema()) + "\n"});
    if (metrics_reference_) return tl::unexpected(farewell{0, observe::metrics_reference()});
    return chosen();
}

} // namespace

std::optional<bool> wants_background(options const& by) {
    std::optional<bool> wanted;
    for (auto const& one : by.overrides)
        if (one.section == "manager" && one.name == "daemon") wanted = one.to.as_bool();
    return wanted;
}

void stay_here(options& by) {
    std::error_code unknown;
    auto const here = std::filesystem::current_path(unknown);
    by.base = unknown ? "/" : here.string();
    for (auto* const path : {&by.config_dir, &by.config_file})
        if (*path) *path = (here / **path).lexically_normal().string();
    if (by.record) by.record->directory = (here / by.record->directory).lexically_normal().string();
    for (auto const* const name : {"MILTER_MANAGER_CONFIG_DIR", "MILTER_MANAGER_RUBYLIB", "MILTER_LOG_PATH"})
        if (char const* given = std::getenv(name); given && *given && std::string_view(given) != "-")
            ::setenv(name, (here / given).c_str(), 1);
}

tl::expected<options, farewell> parse_options(int argc, char const* const* argv) {
    return command_line().read(argc, argv);
}

} // namespace milter::daemon
