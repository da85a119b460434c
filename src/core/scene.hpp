// What the parts of a session share: the rules, the children, the MTA's side, the message at hand. A struct
// of values with a few helpers that several parts need; no decisions.
#pragma once

#include "core/chain.hpp"
#include "core/facts.hpp"
#include "core/message.hpp"
#include "core/negotiation.hpp"
#include "core/policy.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace milter::core {

struct scene {
    explicit scene(policy const& by) : rules(by), children(by), profile(by.mta) {}

    policy const& rules;
    chain children;
    moment when;

    wire::negotiate offer; // the MTA's, as it came
    mta_agreement agreed;  // what it was answered
    mta_kind profile;      // automatic until the MTA is recognised (at connect)
    std::string connect;   // payload of its C
    std::string helo;      // payload of its H
    core::client client;   // of connect
    std::string helo_name;
    std::uint64_t sessions = 0; // of the process, when this one began
    std::uint32_t minute_of_week = 0;

    std::unique_ptr<message> mail;
    std::uint64_t messages = 0;                      // begun so far
    std::optional<stage> last_heard;                 // the MTA's last command
    bool answer_due = false;                         // it has not been answered yet
    std::string_view last_told = name_of(verdict{}); // what it was answered, in the words of session_ended
    body_id last_body = 0;

    // A command of the MTA; until it is answered, it is the one that an end would abort.
    void heard(stage at);
    // Answers the MTA's command, if it expects an answer to it.
    void answer(stage at, verdict const& said);
    milliseconds command_timeout() const;

    // For statistics (logs 4): told by a child; by nobody: passed on.
    void note_header(std::optional<child_index> by, edit const& what);

    message& need_mail();
    client_of client_for_log() const { return {client.address, client.host}; }
    std::string_view queue_id() const { return mail ? std::string_view(mail->queue_id) : std::string_view(); }
    // What conditions of later children may know of this one: a word of core::child_said, or "".
    std::string_view result_so_far(child_index i) const { return children.at(i).said; }
    child_part* part(child_index i) { return mail ? &mail->parts[i] : nullptr; }

    body_id new_body();
    // A child is lost; the note knows the queue id.
    void fail(child_index i, stage at, failure why, std::string detail);
    // What the fallback of a lost child says to an event (chain P50).
    ballot ballot_of_lost(child_index i, stage at) const;
    // Nothing of the message concerns this child any more.
    bool finished(child_index i) const { return mail && mail->parts[i].finished(); }
    void note(std::optional<child_index> child, stage at, std::string text);
    // A to a child that is in the message and has not finished; it has no part in it from then on.
    void leave_message(child_index i, std::string_view said);
    // A condition leaves the child out of the rest of the message (chain P59, P60).
    void skip_message(child_index i, skip_cause const& why);
    // The same if conditions have hidden every recipient from it; false otherwise.
    bool skip_without_recipients(child_index i);
    // Ends the message for all who still have a part in it, except evaluation-mode children when
    // `keep_evaluated`.
    void dismiss(bool keep_evaluated);
    // The message's summary, once.
    void report(bool aborted);
    // Forgets the message and what was kept of it.
    void drop_mail();
};

} // namespace milter::core
