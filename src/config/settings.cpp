#include "config/settings.hpp"

#include "config/log_levels.hpp"
#include "config/rules.hpp"

#include <array>

namespace milter::config {

namespace {

// access: from the part of a snapshot to the field. `fixed` is what only a restart changes.
template <class Access>
constexpr field<snapshot> fixed(Access) {
    auto field = field_at<snapshot>([](auto& of) -> auto& { return Access{}(of.fixed); });
    field.needs_restart = true;
    return field;
}
template <class Access>
constexpr field<snapshot> live(Access) {
    return field_at<snapshot>([](auto& of) -> auto& { return Access{}(of.live); });
}
// Of a socket that a reload opens anew.
template <class Access>
constexpr field<snapshot> socket(Access) {
    return field_at<snapshot>([](auto& of) -> auto& { return Access{}(of.sockets); });
}
template <class Access>
constexpr field<snapshot> recorded(Access) {
    return field_at<snapshot>([](auto& of) -> auto& { return Access{}(of.recorded); });
}

constexpr std::array<std::string_view, 2> backends{"glib", "libev"};
constexpr std::array<std::string_view, 2> log_formats{"text", "json"};
constexpr std::array<std::string_view, 4> mta_words{"auto", "postfix", "sendmail", "generic"};

constexpr std::string_view of_the_build = "as the package was built, else `nil`";

constexpr rule text = rules::text;
constexpr rule boolean = rules::boolean;
constexpr rule mode{.type = type::mode, .most = 0777};
constexpr rule endpoint{.type = type::endpoint};
constexpr rule status{.type = type::word, .words = rules::statuses};

// Configuration 3.1 to 3.6 and the newer settings; within a section in the order of configuration 12.
setting<snapshot> const of_manager[] = {
    {"package", "platform", always, text, "",
     "The system that this program was built for; decides what load_default loads.", R"("debian")",
     recorded([](auto& s) -> auto& { return s.platform; }), shown::plain, origin::never_told,
     "as the package was built, else `\"unknown\"`"},
    {"package", "options", always, text, "", "Options of the package, \"name=value,name=value\" or a Hash.",
     R"("rcddir=/usr/pkg/share/examples/rc.d")", recorded([](auto& s) -> auto& { return s.package_options; }),
     shown::plain, origin::never_told},

    {"security",
     "privilege_mode",
     always,
     {.type = type::strict_boolean},
     "",
     "When started as root: start the command of a milter that cannot be connected, as milter.user_name.",
     "true",
     fixed([](auto& s) -> auto& { return s.privilege_mode; })},
    {"security", "effective_user", always, text, "",
     "Name or number of the user to run as, when started as root.", R"("milter-manager")",
     fixed([](auto& s) -> auto& { return s.effective_user; }), shown::plain, origin::assignment,
     of_the_build},
    {"security", "effective_group", always, text, "",
     "Name or number of the group to run as, when started as root.", R"("milter-manager")",
     fixed([](auto& s) -> auto& { return s.effective_group; }), shown::plain, origin::assignment,
     of_the_build},

    {"log",
     "level",
     always,
     {.type = type::levels},
     "",
     "What is logged: names joined by \"|\"; \"+\" or \"-\" in front of a name adds it to or takes it from "
     "the default.",
     R"("default|info")",
     live([](auto& s) -> auto& { return s.log.level; }),
     shown::plain,
     origin::unless_default},
    {"log", "path", always, text, "", "File to log to, \"-\" for standard output; nil for the usual place.",
     R"("/var/log/milter-manager.log")", live([](auto& s) -> auto& { return s.log.path; })},
    {"log", "use_syslog", always, boolean, "", "Log to the system's log too.", "false",
     live([](auto& s) -> auto& { return s.log.use_syslog; })},
    {"log",
     "syslog_facility",
     always,
     {.type = type::facility, .words = facility_names()},
     "",
     "The facility under which the system's log gets the lines.",
     R"("local0")",
     live([](auto& s) -> auto& { return s.log.syslog_facility; }),
     shown::plain,
     origin::unless_default},
    {"log",
     "format",
     v3_0,
     {.type = type::word, .words = log_formats},
     "",
     "How lines on the console or in the file look: text, or one JSON object a line; never those of the "
     "system's log.",
     R"("json")",
     live([](auto& s) -> auto& { return s.log.format; })},

    {"manager", "connection_spec", always, endpoint, "", "The socket on which the MTA is listened to.",
     R"("unix:/run/milter-manager/sock")", socket([](auto& s) -> auto& { return s.manager.where; }),
     shown::plain, origin::assignment,
     "as the package was built, else by `package.platform`: debian "
     "`\"unix:/run/milter-manager/milter-manager.sock\"`; redhat, freebsd and pkgsrc "
     "`\"unix:/var/run/milter-manager/milter-manager.sock\"`; others `\"inet:10025@[127.0.0.1]\"`"},
    {"manager", "unix_socket_mode", always, mode, "", "Access mode of that socket, when it is a Unix socket.",
     "0666", socket([](auto& s) -> auto& { return s.manager.unix_socket_mode; }), shown::octal},
    {"manager", "unix_socket_group", always, text, "", "Group of that socket, when it is a Unix socket.",
     R"("postfix")", socket([](auto& s) -> auto& { return s.manager.unix_socket_group; }), shown::plain,
     origin::assignment, of_the_build},
    {"manager", "remove_unix_socket_on_create", always, boolean, "",
     "Remove an old Unix socket before listening.", "false",
     socket([](auto& s) -> auto& { return s.manager.remove_unix_socket_on_create; })},
    {"manager", "remove_unix_socket_on_close", always, boolean, "", "Remove the Unix socket at the end.",
     "false", socket([](auto& s) -> auto& { return s.manager.remove_unix_socket_on_close; })},
    {"manager", "daemon", always, boolean, "", "Run in the background.", "true",
     fixed([](auto& s) -> auto& { return s.daemon; })},
    {"manager", "pid_file", always, text, "", "File that the process number is written to.",
     R"("/run/milter-manager/pid")", fixed([](auto& s) -> auto& { return s.pid_file; }), shown::plain,
     origin::assignment, of_the_build},
    {"manager",
     "maintenance_interval",
     always,
     {.type = type::integer, .nil = on_nil::zero, .most = rules::count.most},
     "sessions",
     "How many sessions end between two calls of the hooks of manager.maintained; 0 = never.",
     "nil",
     live([](auto& s) -> auto& { return s.maintenance_interval; }),
     shown::zero_as_nil},
    {"manager", "suspend_time_on_unacceptable", always, rules::count, "seconds",
     "How long no new connection is taken at most when there is no place or no descriptor for it; a session "
     "that "
     "ends lets the next one in at once.",
     "10", live([](auto& s) -> auto& { return s.suspend_time_on_unacceptable; })},
    {"manager", "max_connections", always, rules::count, "connections",
     "How many MTA connections are served at once; 0 = no limit.", "1000",
     live([](auto& s) -> auto& { return s.max_connections; })},
    {"manager", "max_file_descriptors", always, rules::count, "descriptors",
     "Limit of open descriptors that the process sets for itself; 0 = leave it as it is.", "4096",
     fixed([](auto& s) -> auto& { return s.max_file_descriptors; })},
    {"manager", "custom_configuration_directory", always, text, "",
     "Last directory of the load path; nil = .milter-manager in the home directory of the effective user.",
     R"("/etc/milter-manager/custom")",
     live([](auto& s) -> auto& { return s.custom_configuration_directory; })},
    {"manager", "fallback_status", always, status, "", "What the MTA is told when no milter is left to ask.",
     R"("temporary-failure")", live([](auto& s) -> auto& { return s.policy.on_no_child_left; })},
    {"manager", "fallback_status_at_disconnect", always, status, "",
     "What the MTA is told when the SMTP client is found to be gone.", R"("accept")",
     live([](auto& s) -> auto& { return s.policy.on_client_gone; })},
    {"manager",
     "event_loop_backend",
     always,
     {.type = type::word, .words = backends},
     "",
     "Accepted for old files; has no effect.",
     R"("libev")",
     live([](auto& s) -> auto& { return s.event_loop_backend; })},
    {"manager", "n_workers", always, rules::integer(0, 1000), "threads",
     "Number of worker threads; 0 = one a core.", "4", fixed([](auto& s) -> auto& { return s.n_workers; })},
    {"manager", "packet_buffer_size", always, rules::count, "bytes", "Accepted for old files; has no effect.",
     "4096", live([](auto& s) -> auto& { return s.packet_buffer_size; })},
    {"manager", "connection_check_interval", always, rules::count, "seconds",
     "How often it is looked whether the SMTP client is still there; 0 = never.", "5",
     live([](auto& s) -> auto& { return s.connection_check_interval; })},
    {"manager", "chunk_size", always, rules::integer(1, 65535), "bytes",
     "Most of a body that a milter gets in one packet.", "32768",
     live([](auto& s) -> auto& { return s.policy.chunk_size; })},
    {"manager", "max_pending_finished_sessions", always, rules::count, "sessions",
     "Accepted for old files; has no effect.", "100",
     live([](auto& s) -> auto& { return s.max_pending_finished_sessions; })},

    {"manager",
     "mta",
     v3_0,
     {.type = type::word, .words = mta_words},
     "",
     "Whose native rules a chain of milters follows; \"auto\" asks the MTA's macros.",
     R"("postfix")",
     live([](auto& s) -> auto& { return s.policy.mta; })},
    {"manager", "offer_timeout", v3_0, rules::positive_time, "seconds",
     "From the MTA's connection to its first packet; then the connection is closed.", "10",
     live([](auto& s) -> auto& { return s.policy.offer_timeout; })},
    {"manager", "idle_timeout", v3_0, rules::positive_time, "seconds",
     "From one packet of the MTA to the next; then the connection is closed.", "3600",
     live([](auto& s) -> auto& { return s.policy.idle_timeout; })},
    {"manager", "negotiation_timeout", v3_0, rules::time, "seconds",
     "For all milters together, to answer the first packet of a session.", "10",
     live([](auto& s) -> auto& { return s.policy.negotiation_timeout; })},
    {"manager", "command_timeout", v3_0, rules::time, "seconds",
     "For the whole chain, at one event; 0 = as the MTA needs it (Postfix 27, others 9).", "20",
     live([](auto& s) -> auto& { return s.policy.command_timeout; })},
    {"manager", "end_of_message_timeout", v3_0, rules::time, "seconds",
     "For the whole chain, at the end of a message.", "600",
     live([](auto& s) -> auto& { return s.policy.end_of_message_timeout; })},
    {"manager", "progress_interval", v3_0, rules::positive_time, "seconds",
     "How often the MTA is told that the end of a message is still being worked on.", "10",
     live([](auto& s) -> auto& { return s.policy.progress_interval; })},
    {"manager", "quarantine_stops_chain", v3_0, boolean, "",
     "Behind Postfix: the milters after one that quarantines are not asked, as in Postfix itself.", "true",
     live([](auto& s) -> auto& { return s.policy.quarantine_stops_chain; })},
    {"manager", "body_memory", v3_0, rules::size, "bytes",
     "Body of one message kept in memory; what is more goes to a temporary file.", "4 * 1024 * 1024",
     live([](auto& s) -> auto& { return s.body_memory; })},
    {"manager", "spool_directory", v3_0, text, "",
     "Where temporary files with bodies are; nil = $TMPDIR or /var/tmp.", R"("/var/spool/milter-manager")",
     live([](auto& s) -> auto& { return s.spool_directory; })},
    {"manager", "max_message_size", v3_0, rules::size, "bytes", "Largest body that is taken; 0 = no limit.",
     "50 * 1024 * 1024", live([](auto& s) -> auto& { return s.policy.limits.max_message_size; })},
    {"manager", "max_headers", v3_0, rules::positive, "headers", "Most header fields of a message.", "1000",
     live([](auto& s) -> auto& { return s.policy.limits.max_headers; })},
    {"manager", "max_header_size", v3_0, rules::positive, "bytes", "Largest header field, name and value.",
     "128 * 1024", live([](auto& s) -> auto& { return s.policy.limits.max_header_size; })},
    {"manager", "max_recipients", v3_0, rules::positive, "recipients", "Most recipients of a message.",
     "1000", live([](auto& s) -> auto& { return s.policy.limits.max_recipients; })},
    {"manager", "max_edits", v3_0, rules::positive, "changes",
     "Most changes that one milter may make to a message.", "100",
     live([](auto& s) -> auto& { return s.policy.limits.max_edits; })},
    {"manager", "evaluation_queue", v3_0, rules::size, "bytes",
     "How far a milter in evaluation mode may lag behind.", "8 * 1024 * 1024",
     live([](auto& s) -> auto& { return s.policy.evaluation_queue; })},
    {"manager", "worker_timeout", v3_0, rules::positive_time, "seconds",
     "For a block of a condition, in the Ruby worker.", "2.5",
     live([](auto& s) -> auto& { return s.worker_timeout; })},
    {"manager", "n_ruby_workers", v3_0, rules::integer(1, 1000), "processes",
     "Processes that run the blocks of conditions.", "2",
     live([](auto& s) -> auto& { return s.n_ruby_workers; })},
    {"manager", "stop_timeout", v3_0, rules::time, "seconds",
     "How long messages in flight may take to finish once the process has been told to end.", "30",
     live([](auto& s) -> auto& { return s.stop_timeout; })},
    {"manager", "explain_messages", v3_0, rules::integer(0, 100'000), "messages",
     "How many recent messages milter-manager-controller's `explain` can tell of; 0 = none.", "10000",
     live([](auto& s) -> auto& { return s.explain_messages; })},

    {"controller", "connection_spec", always, endpoint, "",
     "The socket for milter-manager-controller; nil = none.", R"("unix:/run/milter-manager/control")",
     socket([](auto& s) -> auto& { return s.controller.where; })},
    {"controller", "unix_socket_mode", always, mode, "",
     "Access mode of that socket, when it is a Unix socket.", "0600",
     socket([](auto& s) -> auto& { return s.controller.unix_socket_mode; }), shown::octal},
    {"controller", "unix_socket_group", always, text, "", "Group of that socket, when it is a Unix socket.",
     R"("adm")", socket([](auto& s) -> auto& { return s.controller.unix_socket_group; })},
    {"controller", "remove_unix_socket_on_create", always, boolean, "",
     "Remove an old Unix socket before listening.", "false",
     socket([](auto& s) -> auto& { return s.controller.remove_unix_socket_on_create; })},
    {"controller", "remove_unix_socket_on_close", always, boolean, "", "Remove the Unix socket at the end.",
     "false", socket([](auto& s) -> auto& { return s.controller.remove_unix_socket_on_close; })},

    {"metrics", "connection_spec", v3_0, endpoint, "",
     "The socket where Prometheus gets its metrics, by HTTP, from whoever connects; nil = none.",
     R"("inet:9787@[127.0.0.1]")", socket([](auto& s) -> auto& { return s.metrics.where; })},

    {"database", "type", always, text, "",
     "Kind of a database that code of conditions uses, as ActiveRecord calls it.", R"("mysql2")",
     recorded([](auto& s) -> auto& { return s.database_type; })},
    {"database", "name", always, text, "", "Name of that database.", R"("mail")",
     recorded([](auto& s) -> auto& { return s.database_name; })},
    {"database", "host", always, text, "", "The host that the database runs on.", R"("localhost")",
     recorded([](auto& s) -> auto& { return s.database_host; })},
    {"database",
     "port",
     always,
     {.type = type::scalar},
     "",
     "The port that the database listens on.",
     "3306",
     recorded([](auto& s) -> auto& { return s.database_port; })},
    {"database", "path", always, text, "", "File or Unix socket of the database.",
     R"("/var/lib/mail.sqlite3")", recorded([](auto& s) -> auto& { return s.database_path; })},
    {"database", "user", always, text, "", "The user to log in to the database as.", R"("mail")",
     recorded([](auto& s) -> auto& { return s.database_user; })},
    {"database", "password", always, text, "", "Password of the database's user; never shown.", R"("secret")",
     recorded([](auto& s) -> auto& { return s.database_password; }), shown::masked},
    {"database",
     "extra_options",
     always,
     {.type = type::object},
     "",
     "Further options for ActiveRecord; never shown.",
     R"({"reconnect" => true})",
     recorded([](auto& s) -> auto& { return s.database_extra_options; }),
     shown::hidden},
};

} // namespace

std::span<setting<snapshot> const> settings() {
    return of_manager;
}

} // namespace milter::config
