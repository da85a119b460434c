// What a session can ask for. The bytes of all actions of one handle() lie in one arena, so that a packet
// costs no allocation; a range is a piece of it.
#pragma once

#include "core/event.hpp"
#include "core/negotiation.hpp"
#include "core/policy.hpp"
#include "core/stage.hpp"
#include "core/verdict.hpp"
#include "wire/command.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace milter::core {

// Why a child is left out.
struct skip_cause {
    std::string text;            // the condition's name and where it is defined
    std::uint32_t condition = 0; // of policy::conditions
    stage at = stage::connect;   // of the rule that holds
};

struct range {
    std::size_t begin = 0;
    std::size_t size = 0;
};

struct to_mta { // whole packets
    range bytes;
};
struct to_child { // whole packets
    child_index child;
    range bytes;
};
struct connect_child {
    child_index child;
    wire::negotiate offer{}; // what it is going to be offered, unless child_ready says that it has been
};
struct close_child { // after what was sent
    child_index child;
};
struct close_mta {};
struct arm {
    deadline which;
    milliseconds from_now;
};
struct disarm {
    deadline which;
};
// Appends bytes to a kept body: a view of the event's packet, or of the arena.
struct keep {
    body_id body;
    std::string_view packet; // empty: use `bytes`
    range bytes;
};
struct drop_body {
    body_id body;
};
// Nothing before this offset will be asked for any more.
struct forget_body {
    body_id body;
    std::uint64_t below;
};
// One B packet of that piece; body_sent follows when it has left.
struct send_body {
    child_index child;
    body_id body;
    std::uint64_t offset;
    std::size_t size;
};
// One b packet of that piece; body_sent_to_mta follows. size 0: an empty packet.
struct send_body_to_mta {
    body_id body;
    std::uint64_t offset;
    std::size_t size;
};

// `answered` follows, whatever happens outside.
struct ask_worker {
    std::shared_ptr<question const> what;
};
// Whether the address is in one of these lists; `answered` follows within the time of the list, with the
// child 0.
struct look_up {
    std::uint32_t id;
    std::uint32_t question; // of policy::questions
    ip_address address;
};
// Whether its client is still connected to the MTA (configuration 9); `client_checked` follows with the id.
// What is known of the client; the items are left to whoever knows the checkers.
struct check_client {
    std::shared_ptr<question const> what;
};
// What the child has said to this offer, for sessions that begin before it is asked (chain P3).
struct remember {
    child_index child;
    wire::negotiate offer;
    child_agreement agreed;
};

// Things to count.
struct child_answered { // to a command that somebody waits for
    child_index child;
    stage at;
    verdict::kind said; // a reply text counts as what its code says; skip as go_on
    microseconds took;
};
struct child_skipped { // out of the session, or of a message
    child_index child;
    std::uint32_t condition; // of policy::conditions
    stage at = stage::connect;
};

// For the statistics lines (logs 4). Words are of name_of(verdict), or as said; all have static storage.
struct session_ended {       // the MTA has said quit, or is gone
    std::optional<stage> at; // of its last command; nothing: it has not said any
    std::string_view said;   // what that was answered; "skip", "abort" without an answer, "error"
    microseconds after;      // its beginning
};
struct child_left { // before the session ends
    child_index child;
    std::optional<stage> at; // nothing: it was never connected
    std::string_view said;   // or "stop": by a condition; "quarantine", "error" of one that was lost
    microseconds after;      // its connection; 0 without
};
struct header_told {               // a field was added, inserted or changed to something
    std::optional<child_index> by; // nothing: the MTA was told to
    range name;
    range value; // raw, without the blank behind the colon
};
struct quarantine_told {}; // to the MTA

// Things to tell the administrator.
struct child_failed {
    child_index child;
    stage at;
    failure why;
    std::string detail;
    fallback costs;
    std::string queue_id; // "" when not known yet
};
struct oddity { // tolerated, or refused, without a consequence for the session
    std::optional<child_index> child;
    stage at;
    std::string text;
    std::string queue_id{}; // "" when not known yet
};
struct child_result {
    std::string said;         // "pass", "reject", ..., "failed", "aborted", "not-asked"
    microseconds took{0};     // its answers in this message, added up
    std::size_t edits = 0;    // that count
    std::string skipped_by{}; // the condition that left it out, and where it is defined
    std::optional<stage> skipped_at{};
    std::optional<failure> lost_by{};
};
struct client_of { // the SMTP client; "" when the MTA has not told
    std::string address;
    std::string host;
};
struct message_done {
    std::string queue_id;
    client_of client;
    std::string sender;
    std::size_t recipients = 0;         // accepted by the chain
    std::size_t refused_recipients = 0; // by a child
    std::uint64_t size = 0;             // of the body, in bytes
    verdict said;
    stage at = stage::mail;
    bool aborted = false; // ended by the MTA before a verdict
    bool quarantined = false;
    std::optional<child_index> decided_by;
    std::vector<child_result> children;
};
struct session_decided { // refused as a whole, at connect or helo
    stage at;
    verdict said;
    child_index by;
    client_of client{};
};
struct evaluated { // what an evaluation-mode child would have said (chain P65)
    child_index child;
    std::string queue_id;
    child_result result;
};
struct client_gone { // the session ends
    std::string queue_id;
    std::optional<stage> at; // what the MTA waited for; nothing when it did not wait
    verdict said;            // what it was told there
    microseconds after{0};   // its beginning
};
struct session_refused { // the MTA broke the protocol; the session ends
    std::string text;
    std::string queue_id{}; // "" when not known yet
};

using action = std::variant<to_mta, to_child, connect_child, close_child, close_mta, arm, disarm, keep,
                            drop_body, forget_body, send_body, send_body_to_mta, ask_worker, look_up,
                            check_client, remember, child_answered, child_skipped, child_failed, oddity,
                            message_done, session_decided, evaluated, client_gone, session_refused,
                            session_ended, child_left, header_told, quarantine_told>;

class actions {
public:
    std::vector<action> const& todo() const { return todo_; }
    std::string_view bytes(range which) const {
        return std::string_view(arena_).substr(which.begin, which.size);
    }
    void clear();

    void add(action what) { todo_.push_back(std::move(what)); }

    // Appends to the arena with write(std::string&) and asks to send it; neighbours to the same peer are one
    // action.
    template <class Write>
    void send_to_mta(Write write) {
        send<to_mta>([](to_mta const&) { return true; }, to_mta{}, write);
    }
    template <class Write>
    void send_to_child(child_index child, Write write) {
        send<to_child>([child](to_child const& last) { return last.child == child; }, to_child{child, {}},
                       write);
    }
    // A copy that lives as long as the actions.
    range keep_text(std::string_view text) {
        std::size_t const begin = arena_.size();
        arena_ += text;
        return {begin, text.size()};
    }
    // Keeps bytes that write(std::string&) makes.
    template <class Write>
    void keep_made(body_id body, Write write) {
        std::size_t const begin = arena_.size();
        write(arena_);
        todo_.push_back(keep{body, {}, {begin, arena_.size() - begin}});
    }

private:
    template <class Send, class Same, class Write>
    void send(Same same_peer, Send fresh, Write write) {
        std::size_t const begin = arena_.size();
        write(arena_);
        std::size_t const size = arena_.size() - begin;
        if (size == 0) return;
        if (!todo_.empty())
            if (auto* const last = std::get_if<Send>(&todo_.back()))
                if (same_peer(*last) && last->bytes.begin + last->bytes.size == begin) {
                    last->bytes.size += size;
                    return;
                }
        fresh.bytes = {begin, size};
        todo_.push_back(fresh);
    }

    std::vector<action> todo_;
    std::string arena_;
};

} // namespace milter::core
