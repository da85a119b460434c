// The words of conditions in JSON (docs/configuration-json.md), once for who reads them and for the schema:
// the keys of expressions with what may stand beside them, stages, results, days. Nothing of what they mean.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace milter::config {

constexpr int longest_look_up_s = 3600; // of a list of the DNS; longer than any MTA waits

// What a value in an expression is.
enum class part : std::uint8_t {
    nothing,
    flag,        // true or false
    yes,         // true
    expression,  //
    expressions, // an array
    networks,    // an array of "192.0.2.0/24"
    family,      // a word of client_families
    side,        // a word of client_sides
    patterns,    // an array
    quantity,    // a word of quantities
    text,
    number,    // an integer from 0
    time,      // {"from", "to", "days"}
    dns_lists, // {"services", "name_servers", "timeout"}
    results    // an array of words of milter_results
};

struct companion {
    std::string_view name; // "" = none
    config::part part = part::nothing;
    bool needed = false;
};

struct expression_form {
    std::string_view key;
    config::part part;
    std::array<companion, 2> beside = {};
};

std::span<expression_form const> expression_forms();

// The form whose key the object has; nullptr when it has none, or several.
expression_form const* form_of(boost::json::object const& given);

// What is wrong with the names in the object, "" when nothing is.
std::string misnamed(boost::json::object const& given);

// "" when all names in the object are known ones, else a complaint: `what` is what the object is.
std::string unknown_name(boost::json::object const& given, std::span<std::string_view const> known,
                         std::string_view what);

inline constexpr std::array<std::string_view, 6> condition_names{"name",      "description", "location",
                                                                 "locations", "replaced",    "rules"};
inline constexpr std::array<std::string_view, 6> rule_names{"at",   "stop",       "set",
                                                            "when", "unset_only", "location"};
inline constexpr std::array<std::string_view, 5> pattern_kinds{"text", "texts", "domain", "regexp", "cidr"};
inline constexpr std::array<std::string_view, 5> pattern_options{"exact", "options", "negate", "result",
                                                                 "location"};
inline constexpr std::array<std::string_view, 4> client_families{"inet", "inet6", "unix", "unknown"};
inline constexpr std::array<std::string_view, 2> client_sides{"local", "remote"};
inline constexpr std::array<std::string_view, 2> quantities{"any", "all"};
inline constexpr std::array<std::string_view, 7> day_names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
inline constexpr std::array<std::string_view, 7> milter_results{
    "accept", "reject", "temporary-failure", "discard", "quarantine", "failed", "skipped"};
inline constexpr std::array<std::string_view, 9> rule_stages{
    "connect", "helo", "mail", "rcpt", "data", "header", "end_of_headers", "body", "end_of_message"};
inline constexpr std::array<std::string_view, 3> hook_kinds{"connection_checkers", "maintained",
                                                            "event_loop_created"};
// Of a connection checker that is the daemon's own, instead of a block.
inline constexpr std::string_view native_kind = "native";

} // namespace milter::config
