#include "config/rules.hpp"
#include "config/settings.hpp"

namespace milter::config {

namespace {

template <class Access>
constexpr field<milter> at(Access access) {
    return field_at<milter>(access);
}

// What only a restart changes.
template <class Access>
constexpr field<milter> at_start(Access access) {
    auto field = field_at<milter>(access);
    field.needs_restart = true;
    return field;
}

// nil was never a time (configuration 5).
constexpr rule timeout{.type = type::time, .nil = on_nil::refuse, .most = rules::longest_ms};

// Configuration 5 and the newer settings, in the order of configuration 12.
setting<milter> const of_milter[] = {
    {"milter",
     "connection_spec",
     always,
     {.type = type::endpoint, .nil = on_nil::refuse},
     "",
     "The socket on which the milter listens.",
     R"("inet:11332@localhost")",
     at([](auto& m) -> auto& { return m.where; })},
    {"milter", "description", always, rules::text, "", "Says to people what the milter is.",
     R"("virus scanner")", at([](auto& m) -> auto& { return m.description; })},
    {"milter", "enabled", always, rules::boolean, "", "Whether the milter is asked at all.", "false",
     at([](auto& m) -> auto& { return m.enabled; })},
    {"milter",
     "fallback_status",
     always,
     {.type = type::word, .nil = on_nil::refuse, .words = rules::milter_statuses},
     "",
     "What the milter's answer counts as when it fails; shutdown and quarantine are new in 3.0.",
     R"("temporary-failure")",
     at([](auto& m) -> auto& { return m.child.on_failure; })},
    {"milter", "evaluation_mode", always, rules::boolean, "",
     "The milter is asked and its answers are logged, never followed.", "true",
     at([](auto& m) -> auto& { return m.child.evaluation_mode; })},
    {"milter",
     "applicable_conditions",
     always,
     {.type = type::conditions},
     "",
     "Names of the conditions under which the milter is asked.",
     R"(["Remote Network"])",
     at([](auto& m) -> auto& { return m.applicable_conditions; }),
     shown::plain,
     origin::never_told},
    {"milter", "command", always, rules::text, "",
     "Starts the milter when connecting to it fails; of a manager that root starts, in privilege mode and as "
     "milter.user_name only.",
     R"("/usr/sbin/opendkim")", at_start([](auto& m) -> auto& { return m.command; })},
    {"milter", "command_options", always, rules::text, "",
     "Options of the command: a text or an array of words.", R"(["-x", "/etc/opendkim.conf"])",
     at_start([](auto& m) -> auto& { return m.command_options; })},
    {"milter", "user_name", always, rules::text, "",
     "The user that the milter's command runs as, never root.", R"("opendkim")",
     at_start([](auto& m) -> auto& { return m.user_name; })},
    {"milter", "connection_timeout", always, timeout, "seconds", "How long connecting may take.", "10",
     at([](auto& m) -> auto& { return m.child.connection_timeout; })},
    {"milter", "writing_timeout", always, timeout, "seconds", "How long writing one packet may take.", "10",
     at([](auto& m) -> auto& { return m.child.writing_timeout; })},
    {"milter", "reading_timeout", always, timeout, "seconds",
     "How long one answer may take, except at the end of a message.", "30",
     at([](auto& m) -> auto& { return m.child.reading_timeout; })},
    {"milter", "end_of_message_timeout", always, timeout, "seconds",
     "How long the answer at the end of a message may take.", "120",
     at([](auto& m) -> auto& { return m.child.end_of_message_timeout; })},

    {"milter", "retry_next_message", v3_0, rules::boolean, "",
     "After a failure, try once more at the next message.", "false",
     at([](auto& m) -> auto& { return m.child.retry_next_message; })},
    {"milter", "early_feed", v3_0, rules::boolean, "",
     "Send headers and body before earlier milters have finished, where that changes nothing.", "false",
     at([](auto& m) -> auto& { return m.child.early_feed; })},
    {"milter", "parallel_group", v3_0, rules::text, "",
     "Milters in a row with the same name here are independent: their ends of message run at once.",
     R"("scanners")", at([](auto& m) -> auto& { return m.child.parallel_group; })},
    {"milter", "exact_connect", v3_0, rules::boolean, "",
     "Tell it of a client and its greeting only when the milters before have answered.", "true",
     at([](auto& m) -> auto& { return m.child.exact_connect; })},
    {"milter", "parallel_mail", v3_0, rules::boolean, "",
     "Tell it the sender while the milters before still think.", "true",
     at([](auto& m) -> auto& { return m.child.parallel_mail; })},
    {"milter", "pool_size", v3_0, rules::integer(0, 1000), "connections",
     "Connections that each worker keeps ready for coming sessions.", "2",
     at([](auto& m) -> auto& { return m.child.pool_size; })},
    {"milter", "pool_idle", v3_0, rules::time, "seconds", "How long a ready connection is kept.", "30",
     at([](auto& m) -> auto& { return m.child.pool_idle; })},
    {"milter", "breaker_failures", v3_0, rules::integer(0, 1000), "connects",
     "So many that fail in a row leave the milter alone for breaker_pause; 0 = never.", "5",
     at([](auto& m) -> auto& { return m.child.breaker_failures; })},
    {"milter", "breaker_pause", v3_0, rules::positive_time, "seconds",
     "How long its fallback then counts at once, until it is tried again.", "30",
     at([](auto& m) -> auto& { return m.child.breaker_pause; })},
    {"milter",
     "extra_macros",
     v3_0,
     {.type = type::macros},
     "",
     "Macros to ask the MTA for besides the usual ones: {stage => names}.",
     R"({"connect" => ["{client_ptr}"]})",
     at([](auto& m) -> auto& { return m.child.extra_macros; })},
};

} // namespace

std::span<setting<milter> const> milter_settings() {
    return of_milter;
}

} // namespace milter::config
