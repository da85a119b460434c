// A whole configuration as typed, immutable values, each default beside its field: `fixed` is read once at
// start (a change needs a restart), `live` and the milters are read by each new session (a reload is enough).
// What the settings mean is said in settings.cpp, once; nothing here is text that still has to be understood.
#pragma once

#include "config/built_in.hpp"
#include "config/detection.hpp"
#include "core/policy.hpp"
#include "wire/endpoint.hpp"
#include "wire/options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace milter::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

// "" of the build is "none" here.
inline std::optional<std::string> unless_empty(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(std::string(text));
}

// An endpoint that is shown as it was written.
struct written_endpoint : wire::endpoint {
    std::string written;
};

// text: right for sure, from the build.
inline written_endpoint built_in_endpoint(std::string_view text) {
    return {wire::endpoint::parse(text).value(), std::string(text)};
}

// A socket that the process listens on.
struct listening {
    std::optional<written_endpoint> where;
    unsigned unix_socket_mode = 0660;
    std::optional<std::string> unix_socket_group;
    bool remove_unix_socket_on_create = true;
    bool remove_unix_socket_on_close = true;
};

// `package` and `database`: recorded and shown; only Ruby code asks for them.
struct recorded {
    std::optional<std::string> platform = unless_empty(built_in::platform);
    std::optional<std::string> package_options; // "name=value,name=value"
    std::optional<std::string> database_type;
    std::optional<std::string> database_name;
    std::optional<std::string> database_host;
    std::variant<std::monostate, std::int64_t, std::string> database_port;
    std::optional<std::string> database_path;
    std::optional<std::string> database_user;
    std::optional<std::string> database_password;
    std::optional<std::string> database_extra_options; // JSON
};

// What the process listens on. A reload opens and closes sockets; each has its part of the daemon that does
// so.
struct sockets {
    listening manager{.where = built_in_endpoint(built_in::connection_spec),
                      .unix_socket_group = unless_empty(built_in::socket_group)};
    listening controller;
    listening metrics;
};

struct fixed {
    bool privilege_mode = false;
    std::optional<std::string> effective_user = unless_empty(built_in::effective_user);   // name or number
    std::optional<std::string> effective_group = unless_empty(built_in::effective_group); // name or number
    bool daemon = false;
    std::optional<std::string> pid_file = unless_empty(built_in::pid_file);
    std::uint64_t max_file_descriptors = 0; // 0 = leave as it is
    unsigned n_workers = 0;                 // threads; 0 = one a core
};

struct log_settings {
    std::string level = "default";   // "default", "none", or names joined by "|" in the order of logs 1
    std::optional<std::string> path; // "-" = standard output; nothing = the default sink
    bool use_syslog = true;
    std::string syslog_facility = "mail"; // a known one, lower case
    std::string format = "text";          // or "json"; not of the system's log
};

struct live {
    core::policy policy; // its children are the enabled milters of snapshot::milters, in order
    log_settings log;
    std::uint64_t max_connections = 0; // 0 = no limit
    seconds suspend_time_on_unacceptable{5};
    std::optional<std::string> custom_configuration_directory;
    seconds connection_check_interval{0};       // 0 = never
    std::size_t body_memory = 1024 * 1024;      // bytes of a message's body in memory (chain P32)
    std::optional<std::string> spool_directory; // nothing = $TMPDIR or /var/tmp
    milliseconds worker_timeout{5'000};
    unsigned n_ruby_workers = 1; // processes
    std::uint64_t maintenance_interval =
        10; // ended sessions from one call of the hooks to the next; 0 = never
    milliseconds stop_timeout{60'000};
    unsigned explain_messages = 1000;                // that the controller's `explain` can still tell of
    std::uint64_t packet_buffer_size = 0;            // no effect
    std::string event_loop_backend = "glib";         // no effect
    std::uint64_t max_pending_finished_sessions = 0; // no effect
};

// Names of macros to ask the MTA for, by stage (chain P9).
using macro_lists = core::stage_macros;

// Setting -> "FILE:LINE" of the assignment; without an entry it is the default.
using locations = std::map<std::string, std::string, std::less<>>;

// A define_milter with all its attributes, also of a disabled one.
struct milter {
    core::child_policy child; // child.where is meaningful only when `where` is set
    std::optional<written_endpoint> where;
    std::optional<std::string> description;
    bool enabled = true;
    std::optional<std::string> command; // run when connecting fails, in privilege mode
    std::optional<std::string> command_options;
    std::optional<std::string> user_name;
    std::vector<std::string> applicable_conditions; // names, in order
    std::vector<std::string> condition_places;      // "FILE:LINE" of each, "" without
    // Of each, its position in snapshot::conditions; -1: the last one of that name.
    std::vector<std::int64_t> condition_definitions;

    config::locations locations; // "define_milter" and the names of attributes
};

// A define_applicable_condition as it was written; its rules are in the policy, at the same position.
struct condition {
    std::string name;
    std::optional<std::string> description;
    std::string written;         // as JSON without places, to compare it with another
    bool replaced = false;       // a later one has its name; milters that were defined between keep it
    config::locations locations; // "define_applicable_condition", "description"
};

// A Ruby block that is called besides conditions.
struct hook {
    std::uint32_t block = 0; // its number in the worker
    bool native = false;     // no block: the daemon itself has what it does
    std::string name;        // of a connection checker
    std::string where;       // "FILE:LINE"
};

struct hook_lists {
    std::vector<hook> connection_checkers;
    std::vector<hook> maintained;
    std::vector<hook> event_loop_created;
};

struct snapshot {
    config::fixed fixed;
    config::sockets sockets;
    config::live live;
    config::recorded recorded;
    std::vector<milter> milters; // in order, disabled ones too
    std::vector<candidate> detection;
    std::vector<condition> conditions;
    hook_lists hooks;
    std::vector<std::string> files; // that it was read from, in the order of their load
    config::locations locations;    // "manager.n_workers" -> "FILE:LINE"
    // Settings that a file or the command line gives a value, be it the default.
    std::set<std::string, std::less<>> given;
};

} // namespace milter::config
