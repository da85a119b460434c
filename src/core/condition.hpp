// A condition: rules over the facts of a session that say at which stage a child is left out, and which
// macros it gets (configuration 6, 8). Plain immutable data; evaluated in evaluate.hpp, never executed.
#pragma once

#include "core/network.hpp"
#include "core/pattern.hpp"
#include "core/stage.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace milter::core {

struct expression;

struct always {
    bool yes = true;
};
struct negation {
    std::vector<expression> of; // exactly one
};
struct all_of {
    std::vector<expression> of;
};
struct any_of {
    std::vector<expression> of;
};
struct authenticated {}; // macro auth_type or auth_authen is set
struct by_postfix {};    // macro v names Postfix
struct client_in {
    std::vector<network> networks;
};
struct client_family {
    char family; // '4', '6', 'L', 'U' (protocol 4.2)
};
// What the address matcher says (configuration 7.2): explicit remote, local by nature, explicit local, else
// remote. An unknown address is neither.
struct client_is {
    bool local = false;
    std::vector<network> local_too;
    std::vector<network> remote_too;
};
struct text_is {
    enum class of : std::uint8_t { host, helo, sender, sender_domain, recipient };
    text_is::of what = of::host;
    pattern_list patterns;
};
struct recipients_are { // those accepted so far; no recipient is not "all"
    bool all = false;
    pattern_list patterns;
};
struct macro_is {
    std::string name;                     // without braces
    std::optional<pattern_list> patterns; // nothing: set and not empty
};
struct header_is { // the header at hand; after the headers any of them
    std::string name;
    pattern_list patterns;
};
struct larger_than { // what the client announced; at the end of the message what has come
    std::uint64_t bytes = 0;
};
struct time_between { // local time of the session's begin
    std::uint32_t from_minute = 0;
    std::uint32_t to_minute = 24 * 60; // less than from: past midnight
    std::uint8_t days = 0x7F;          // bit 0 is Monday
};
struct sessions_at_least {
    std::uint64_t count = 0;
};
// An earlier child's result so far, one of these words: accept reject temporary-failure discard quarantine
// failed skipped.
struct child_said {
    std::string child;
    std::vector<std::string> words;
};
// Answered outside: policy::questions has what is asked.
struct asks {
    std::uint32_t question = 0;
};

struct expression {
    std::variant<always, negation, all_of, any_of, authenticated, by_postfix, client_in, client_family,
                 client_is, text_is, recipients_are, macro_is, header_is, larger_than, time_between,
                 sessions_at_least, child_said, asks>
        what;
};

using macro_values = std::vector<std::pair<std::string, std::string>>; // names without braces

struct rule {
    stage at = stage::connect;
    expression when;
    bool stops = true;       // the child; otherwise sets macros
    macro_values macros;     // for that child alone (chain P62)
    macro_values copies;     // the same, with the value of another macro, if that has one
    bool unset_only = false; // leaves macros that the MTA has sent
    std::string where;       // "FILE:LINE"
};

struct condition {
    std::string name;
    std::string where; // "FILE:LINE"
    std::vector<rule> rules;
};

// What somebody outside the chain answers.
struct ruby_block {
    std::uint32_t id = 0; // in order of registration, the same in the worker
};
struct dns_list {
    struct service {
        std::string domain;
        std::optional<network> expected; // the answer must be in it
    };
    std::vector<service> services;
    std::vector<server_address> name_servers; // none: the system's
    std::chrono::milliseconds timeout{5'000}; // of one look-up; what has not answered by then lists nobody
};
struct question_source {
    std::variant<ruby_block, dns_list> of;
    std::string where; // "FILE:LINE"
};

} // namespace milter::core
