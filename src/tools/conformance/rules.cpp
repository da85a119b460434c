#include "tools/conformance/rules.hpp"

#include <algorithm>
#include <array>

namespace milter::tools::conformance {

namespace {

constexpr std::array rules = std::to_array<rule>({
    {"offer", "answers an offer of everything with a version, actions and steps of it", "3.1"},
    {"offer-few-actions", "asks for no action that is not offered", "3.3"},
    {"offer-few-steps", "asks for no step that an MTA of version 4 does not offer", "3.3"},
    {"offer-version-2", "answers version 2 with version 2 and what that has", "3.2"},
    {"one-reply", "answers each command that has an answer with one decision, in time", "2.1"},
    {"nothing-unasked", "says nothing when no answer is due", "2.1"},
    {"replies-decode", "sends packets whose strings and numbers are whole", "2.2"},
    {"reply-text", "sends SMTP replies that every MTA takes", "9"},
    {"decisions", "decides only what may be decided at that command", "7"},
    {"skip", "says skip to body only, and only when that was agreed", "7"},
    {"progress", "says progress at the end of the message only", "7"},
    {"edits-at-end", "changes the message at its end only", "10"},
    {"edits-agreed", "changes only what was agreed", "2.3"},
    {"messages", "takes several messages in a session", "6.1"},
    {"abort", "takes an abort behind each command, and the next message", "4.9"},
    {"quit", "closes behind a quit at each command, and says nothing", "12"},
    {"hang-up", "serves the next connection when one ends without a word", "12"},
    {"quit-new-connection", "begins a new session on the same connection", "12"},
    {"unknown", "answers an unknown SMTP command and goes on", "4.9"},
    {"no-macros", "does without macros", "5.2"},
    {"unknown-macros", "does with macros that it does not know, with no value and with none", "5.1"},
    {"null-sender", "takes the null sender", "4.3"},
    {"many-recipients", "takes 200 recipients", "6.1"},
    {"many-headers", "takes 200 header fields", "6.1"},
    {"long-header", "takes a header field of 60000 bytes", "1"},
    {"large-body", "takes body packets of 65535 bytes", "4.7"},
    {"binary-body", "takes NULs, bare CR and LF and bytes above 127 in a body", "18"},
    {"empty-message", "takes a message without header and body", "6.1"},
    {"single-bytes", "takes packets that come byte by byte", "1"},
    {"one-write", "takes several packets at once", "1"},
});

} // namespace

std::span<rule const> all_rules() {
    return rules;
}

rule const* find_rule(std::string_view word) {
    auto const found = std::ranges::find(rules, word, &rule::word);
    return found == rules.end() ? nullptr : &*found;
}

void findings::seen(std::string_view word) {
    auto& one = found_[std::string(word)];
    if (one.is == finding::kind::not_tried) one = {finding::kind::passed, ""};
}

void findings::broken(std::string_view word, std::string what) {
    auto& one = found_[std::string(word)];
    if (one.is != finding::kind::broken) one = {finding::kind::broken, std::move(what)};
}

void findings::not_tried(std::string_view word, std::string why) {
    auto& one = found_[std::string(word)];
    if (one.is == finding::kind::not_tried && one.why.empty()) one.why = std::move(why);
}

finding findings::of(std::string_view word) const {
    auto const found = found_.find(word);
    return found == found_.end() ? finding{} : found->second;
}

} // namespace milter::tools::conformance
