#include "config/rules.hpp"
#include "config/settings.hpp"

namespace milter::config {

namespace {

template <class Access>
constexpr field<milter> at(Access access) {
    return field_at<milter>(access);
}

// nil was never a time (configuration 5).
constexpr rule timeout{.type = type::time, .nil = on_nil::refuse, .most = rules::longest_ms};

// Configuration 5 and the newer settings, in the order of configuration 12.
setting<milter> const table[] = {
    {"milter",
     "connection_spec",
     {.type = type::endpoint, .nil = on_nil::refuse},
     "",
     "The socket on which the milter listens.",
     at([](auto& m) -> auto& { return m.where; })},
    {"milter", "description", rules::text, "", "For people.",
     at([](auto& m) -> auto& { return m.description; })},
    {"milter", "enabled", rules::boolean, "", "Whether the milter is asked at all.",
     at([](auto& m) -> auto& { return m.enabled; })},
    {"milter",
     "fallback_status",
     {.type = type::word, .nil = on_nil::refuse, .words = rules::milter_statuses},
     "",
     "What the milter's answer counts as when it fails.",
     at([](auto& m) -> auto& { return m.child.on_failure; })},
    {"milter", "evaluation_mode", rules::boolean, "",
     "The milter is asked and its answers are logged, never followed.",
     at([](auto& m) -> auto& { return m.child.evaluation_mode; })},
    {"milter",
     "applicable_conditions",
     {.type = type::conditions},
     "",
     "Names of the conditions under which the milter is asked.",
     at([](auto& m) -> auto& { return m.applicable_conditions; }),
     shown::plain,
     origin::never_told},
    {"milter", "command", rules::text, "",
     "Starts the milter; run when connecting fails, in privilege mode only.",
     at([](auto& m) -> auto& { return m.command; })},
    {"milter", "command_options", rules::text, "", "Options of that command: a text or an array of words.",
     at([](auto& m) -> auto& { return m.command_options; })},
    {"milter", "user_name", rules::text, "", "The user that the command runs as.",
     at([](auto& m) -> auto& { return m.user_name; })},
    {"milter", "connection_timeout", timeout, "seconds", "For connecting.",
     at([](auto& m) -> auto& { return m.child.connection_timeout; })},
    {"milter", "writing_timeout", timeout, "seconds", "For writing one packet.",
     at([](auto& m) -> auto& { return m.child.writing_timeout; })},
    {"milter", "reading_timeout", timeout, "seconds", "For one answer, except at the end of a message.",
     at([](auto& m) -> auto& { return m.child.reading_timeout; })},
    {"milter", "end_of_message_timeout", timeout, "seconds", "For the answer at the end of a message.",
     at([](auto& m) -> auto& { return m.child.end_of_message_timeout; })},

    {"milter", "retry_next_message", rules::boolean, "",
     "After a failure, try once more at the next message.",
     at([](auto& m) -> auto& { return m.child.retry_next_message; })},
    {"milter", "early_feed", rules::boolean, "",
     "Send headers and body before earlier milters have finished, where that changes nothing.",
     at([](auto& m) -> auto& { return m.child.early_feed; })},
    {"milter", "parallel_group", rules::text, "",
     "Milters in a row with the same name here are independent: their ends of message run at once.",
     at([](auto& m) -> auto& { return m.child.parallel_group; })},
    {"milter", "exact_connect", rules::boolean, "",
     "Tell it of a client and its greeting only when the milters before have answered.",
     at([](auto& m) -> auto& { return m.child.exact_connect; })},
    {"milter", "parallel_mail", rules::boolean, "",
     "Tell it the sender while the milters before still think.",
     at([](auto& m) -> auto& { return m.child.parallel_mail; })},
    {"milter", "pool_size", rules::integer(0, 1000), "connections",
     "Connections that each worker keeps ready for coming sessions.",
     at([](auto& m) -> auto& { return m.child.pool_size; })},
    {"milter", "pool_idle", rules::time, "seconds", "How long a ready connection is kept.",
     at([](auto& m) -> auto& { return m.child.pool_idle; })},
    {"milter", "breaker_failures", rules::integer(0, 1000), "connects",
     "So many that fail in a row leave the milter alone for breaker_pause; 0 = never.",
     at([](auto& m) -> auto& { return m.child.breaker_failures; })},
    {"milter", "breaker_pause", rules::positive_time, "seconds",
     "How long its fallback then counts at once, until it is tried again.",
     at([](auto& m) -> auto& { return m.child.breaker_pause; })},
    {"milter",
     "extra_macros",
     {.type = type::macros},
     "",
     "Macros to ask the MTA for besides the usual ones: {stage => names}.",
     at([](auto& m) -> auto& { return m.child.extra_macros; })},
};

} // namespace

std::span<setting<milter> const> milter_settings() {
    return table;
}

} // namespace milter::config
