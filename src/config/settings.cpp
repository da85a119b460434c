#include "config/settings.hpp"

#include "config/log_levels.hpp"
#include "config/rules.hpp"

#include <array>

namespace milter::config {

namespace {

template <class Access>
constexpr field<snapshot> at(Access access) {
    return field_at<snapshot>(access);
}

constexpr std::array<std::string_view, 2> backends{"glib", "libev"};
constexpr std::array<std::string_view, 4> mtas{"auto", "postfix", "sendmail", "generic"};

constexpr rule text = rules::text;
constexpr rule boolean = rules::boolean;
constexpr rule mode{.type = type::mode, .most = 0777};
constexpr rule endpoint{.type = type::endpoint};
constexpr rule status{.type = type::word, .words = rules::statuses};

// Configuration 3.1 to 3.6 and the newer settings; within a section in the order of configuration 12.
setting<snapshot> const table[] = {
    {"package", "platform", text, "",
     "The system that this program was built for; decides what load_default loads.",
     at([](auto& s) -> auto& { return s.recorded.platform; }), shown::plain, origin::never_told},
    {"package", "options", text, "", "Options of the package, \"name=value,name=value\" or a Hash.",
     at([](auto& s) -> auto& { return s.recorded.package_options; }), shown::plain, origin::never_told},

    {"security",
     "privilege_mode",
     {.type = type::strict_boolean},
     "",
     "Keep a small part running as root that starts the command of a milter that cannot be connected.",
     at([](auto& s) -> auto& { return s.fixed.privilege_mode; })},
    {"security", "effective_user", text, "", "Name or number of the user to run as, when started as root.",
     at([](auto& s) -> auto& { return s.fixed.effective_user; })},
    {"security", "effective_group", text, "", "Name or number of the group to run as, when started as root.",
     at([](auto& s) -> auto& { return s.fixed.effective_group; })},

    {"log",
     "level",
     {.type = type::levels},
     "",
     "What is logged: names joined by \"|\"; \"+\" or \"-\" in front of a name adds it to or takes it from "
     "the default.",
     at([](auto& s) -> auto& { return s.live.log.level; }),
     shown::plain,
     origin::unless_default},
    {"log", "path", text, "", "File to log to, \"-\" for standard output; nil for the usual place.",
     at([](auto& s) -> auto& { return s.live.log.path; })},
    {"log", "use_syslog", boolean, "", "Log to the system's log too.",
     at([](auto& s) -> auto& { return s.live.log.use_syslog; })},
    {"log",
     "syslog_facility",
     {.type = type::facility, .words = facility_names()},
     "",
     "The facility under which the system's log gets the lines.",
     at([](auto& s) -> auto& { return s.live.log.syslog_facility; }),
     shown::plain,
     origin::unless_default},

    {"manager", "connection_spec", endpoint, "", "The socket on which the MTA is listened to.",
     at([](auto& s) -> auto& { return s.fixed.manager.where; })},
    {"manager", "unix_socket_mode", mode, "", "Access mode of that socket, when it is a Unix socket.",
     at([](auto& s) -> auto& { return s.fixed.manager.unix_socket_mode; }), shown::octal},
    {"manager", "unix_socket_group", text, "", "Group of that socket, when it is a Unix socket.",
     at([](auto& s) -> auto& { return s.fixed.manager.unix_socket_group; })},
    {"manager", "remove_unix_socket_on_create", boolean, "", "Remove an old Unix socket before listening.",
     at([](auto& s) -> auto& { return s.fixed.manager.remove_unix_socket_on_create; })},
    {"manager", "remove_unix_socket_on_close", boolean, "", "Remove the Unix socket at the end.",
     at([](auto& s) -> auto& { return s.fixed.manager.remove_unix_socket_on_close; })},
    {"manager", "daemon", boolean, "", "Run in the background.",
     at([](auto& s) -> auto& { return s.fixed.daemon; })},
    {"manager", "pid_file", text, "", "File that the process number is written to.",
     at([](auto& s) -> auto& { return s.fixed.pid_file; })},
    {"manager",
     "maintenance_interval",
     {.type = type::integer, .nil = on_nil::zero, .most = rules::count.most},
     "sessions",
     "Accepted for old files; has no effect.",
     at([](auto& s) -> auto& { return s.live.maintenance_interval; }),
     shown::zero_as_nil},
    {"manager", "suspend_time_on_unacceptable", rules::count, "seconds",
     "How long no new connection is taken when the process is out of descriptors.",
     at([](auto& s) -> auto& { return s.live.suspend_time_on_unacceptable; })},
    {"manager", "max_connections", rules::count, "connections",
     "How many MTA connections are served at once; 0 = no limit.",
     at([](auto& s) -> auto& { return s.live.max_connections; })},
    {"manager", "max_file_descriptors", rules::count, "descriptors",
     "Limit of open descriptors that the process sets for itself; 0 = leave it as it is.",
     at([](auto& s) -> auto& { return s.fixed.max_file_descriptors; })},
    {"manager", "custom_configuration_directory", text, "",
     "Last directory of the load path; nil = .milter-manager in the home directory of the effective user.",
     at([](auto& s) -> auto& { return s.live.custom_configuration_directory; })},
    {"manager", "fallback_status", status, "", "What the MTA is told when no milter is left to ask.",
     at([](auto& s) -> auto& { return s.live.policy.on_no_child_left; })},
    {"manager", "fallback_status_at_disconnect", status, "",
     "What the MTA is told when the SMTP client is found to be gone.",
     at([](auto& s) -> auto& { return s.live.fallback_status_at_disconnect; })},
    {"manager",
     "event_loop_backend",
     {.type = type::word, .words = backends},
     "",
     "Accepted for old files; has no effect.",
     at([](auto& s) -> auto& { return s.fixed.event_loop_backend; })},
    {"manager", "n_workers", rules::integer(0, 1000), "threads", "Number of worker threads; 0 = one a core.",
     at([](auto& s) -> auto& { return s.fixed.n_workers; })},
    {"manager", "packet_buffer_size", rules::count, "bytes", "Accepted for old files; has no effect.",
     at([](auto& s) -> auto& { return s.live.packet_buffer_size; })},
    {"manager", "connection_check_interval", rules::count, "seconds",
     "How often it is looked whether the SMTP client is still there; 0 = never.",
     at([](auto& s) -> auto& { return s.live.connection_check_interval; })},
    {"manager", "chunk_size", rules::integer(1, 65535), "bytes",
     "Most of a body that a milter gets in one packet.",
     at([](auto& s) -> auto& { return s.live.policy.chunk_size; })},
    {"manager", "max_pending_finished_sessions", rules::count, "sessions",
     "Accepted for old files; has no effect.",
     at([](auto& s) -> auto& { return s.live.max_pending_finished_sessions; })},

    {"manager",
     "mta",
     {.type = type::word, .words = mtas},
     "",
     "Whose native rules a chain of milters follows; \"auto\" asks the MTA's macros.",
     at([](auto& s) -> auto& { return s.live.policy.mta; })},
    {"manager", "offer_timeout", rules::positive_time, "seconds",
     "From the MTA's connection to its first packet; then the connection is closed.",
     at([](auto& s) -> auto& { return s.live.policy.offer_timeout; })},
    {"manager", "idle_timeout", rules::positive_time, "seconds",
     "From one packet of the MTA to the next; then the connection is closed.",
     at([](auto& s) -> auto& { return s.live.policy.idle_timeout; })},
    {"manager", "negotiation_timeout", rules::time, "seconds",
     "For all milters together, to answer the first packet of a session.",
     at([](auto& s) -> auto& { return s.live.policy.negotiation_timeout; })},
    {"manager", "command_timeout", rules::time, "seconds",
     "For the whole chain, at one event; 0 = as the MTA needs it (Postfix 27, others 9).",
     at([](auto& s) -> auto& { return s.live.policy.command_timeout; })},
    {"manager", "end_of_message_timeout", rules::time, "seconds",
     "For the whole chain, at the end of a message.",
     at([](auto& s) -> auto& { return s.live.policy.end_of_message_timeout; })},
    {"manager", "progress_interval", rules::positive_time, "seconds",
     "How often the MTA is told that the end of a message is still being worked on.",
     at([](auto& s) -> auto& { return s.live.policy.progress_interval; })},
    {"manager", "quarantine_stops_chain", boolean, "",
     "Behind Postfix: the milters after one that quarantines are not asked, as in Postfix itself.",
     at([](auto& s) -> auto& { return s.live.policy.quarantine_stops_chain; })},
    {"manager", "body_memory", rules::size, "bytes",
     "Body of one message kept in memory; what is more goes to a temporary file.",
     at([](auto& s) -> auto& { return s.live.body_memory; })},
    {"manager", "spool_directory", text, "", "Where that file is; nil = $TMPDIR or /var/tmp.",
     at([](auto& s) -> auto& { return s.live.spool_directory; })},
    {"manager", "max_message_size", rules::size, "bytes", "Largest body that is taken; 0 = no limit.",
     at([](auto& s) -> auto& { return s.live.policy.limits.max_message_size; })},
    {"manager", "max_headers", rules::positive, "headers", "Most header fields of a message.",
     at([](auto& s) -> auto& { return s.live.policy.limits.max_headers; })},
    {"manager", "max_header_size", rules::positive, "bytes", "Largest header field, name and value.",
     at([](auto& s) -> auto& { return s.live.policy.limits.max_header_size; })},
    {"manager", "max_recipients", rules::positive, "recipients", "Most recipients of a message.",
     at([](auto& s) -> auto& { return s.live.policy.limits.max_recipients; })},
    {"manager", "max_edits", rules::positive, "changes",
     "Most changes that one milter may make to a message.",
     at([](auto& s) -> auto& { return s.live.policy.limits.max_edits; })},
    {"manager", "evaluation_queue", rules::size, "bytes",
     "How far a milter in evaluation mode may lag behind.",
     at([](auto& s) -> auto& { return s.live.policy.evaluation_queue; })},
    {"manager", "worker_timeout", rules::positive_time, "seconds",
     "For a block of a condition, in the Ruby worker.",
     at([](auto& s) -> auto& { return s.live.worker_timeout; })},
    {"manager", "n_ruby_workers", rules::integer(0, 1000), "processes",
     "Processes that run the blocks of conditions.",
     at([](auto& s) -> auto& { return s.fixed.n_ruby_workers; })},

    {"controller", "connection_spec", endpoint, "", "The socket for milter-manager-controller; nil = none.",
     at([](auto& s) -> auto& { return s.fixed.controller.where; })},
    {"controller", "unix_socket_mode", mode, "", "Access mode of that socket, when it is a Unix socket.",
     at([](auto& s) -> auto& { return s.fixed.controller.unix_socket_mode; }), shown::octal},
    {"controller", "unix_socket_group", text, "", "Group of that socket, when it is a Unix socket.",
     at([](auto& s) -> auto& { return s.fixed.controller.unix_socket_group; })},
    {"controller", "remove_unix_socket_on_create", boolean, "", "Remove an old Unix socket before listening.",
     at([](auto& s) -> auto& { return s.fixed.controller.remove_unix_socket_on_create; })},
    {"controller", "remove_unix_socket_on_close", boolean, "", "Remove the Unix socket at the end.",
     at([](auto& s) -> auto& { return s.fixed.controller.remove_unix_socket_on_close; })},

    {"database", "type", text, "", "Kind of a database that code of conditions uses.",
     at([](auto& s) -> auto& { return s.recorded.database_type; })},
    {"database", "name", text, "", "Its name.",
     at([](auto& s) -> auto& { return s.recorded.database_name; })},
    {"database", "host", text, "", "The host that it runs on.",
     at([](auto& s) -> auto& { return s.recorded.database_host; })},
    {"database", "port", {.type = type::scalar}, "", "The port that it listens on.", at([](auto& s) -> auto& {
         return s.recorded.database_port;
     })},
    {"database", "path", text, "", "Its file or Unix socket.",
     at([](auto& s) -> auto& { return s.recorded.database_path; })},
    {"database", "user", text, "", "The user to log in as.",
     at([](auto& s) -> auto& { return s.recorded.database_user; })},
    {"database", "password", text, "", "That user's password; never shown.",
     at([](auto& s) -> auto& { return s.recorded.database_password; }), shown::masked},
    {"database",
     "extra_options",
     {.type = type::object},
     "",
     "Further options for ActiveRecord; never shown.",
     at([](auto& s) -> auto& { return s.recorded.database_extra_options; }),
     shown::hidden},
};

} // namespace

std::span<setting<snapshot> const> settings() {
    return table;
}

} // namespace milter::config
