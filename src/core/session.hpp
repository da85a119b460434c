// The conductor of one session: what happens comes in as events, what must be done goes out as actions.
// Routes between the parts (chain, envelope, content); never waits, never looks at a clock, never sees a
// descriptor.
#pragma once

#include "core/action.hpp"
#include "core/applicability.hpp"
#include "core/content.hpp"
#include "core/envelope.hpp"
#include "core/event.hpp"
#include "core/scene.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace milter::core {

class session {
public:
    // What children have said to offers in earlier sessions, by their index (chain P3): kept by whoever runs
    // sessions, from their `remember` actions.
    struct remembered {
        wire::negotiate offer;
        child_agreement agreed;
    };
    using memory = std::vector<std::optional<remembered>>;

    // rules and known (may be null) must outlive the session.
    explicit session(policy const& rules, memory const* known = nullptr);

    // now: since any fixed point in time; never goes back. The actions are appended, in the order to be
    // performed.
    // Throws broken_invariant; what it has added by then is to be performed, then break_off() is the only way
    // on.
    void handle(event const& happened, microseconds now, actions& out);
    // The MTA gets manager.fallback_status if it waits for an answer (a temporary failure at the end of the
    // message, whose edits it may have in part), and the session ends.
    void break_off(microseconds now, actions& out);
    // Nothing will happen any more: the session can go.
    bool finished() const { return finished_; }
    // The MTA waits for nothing and has no message open: nothing is lost if the session ends here.
    bool between_messages() const;

    // For logs: what is known of the message at hand.
    std::string_view queue_id() const { return shared_.queue_id(); }

    // For who looks on: what it is at. The views are good until the next handle().
    struct sight {
        enum class awaited : std::uint8_t { mta, children, conditions };
        stage at = stage::negotiate; // the last command of the MTA
        awaited waits = awaited::mta;
        std::vector<child_index> children; // that it waits for
        std::string_view client_host;      // "" before connect
        std::string_view client_address;
        std::string_view sender;
        std::string_view queue_id;
    };
    sight look() const;

private:
    void on(mta_connected const&);
    void on(from_mta const&);
    void on(mta_lost const&);
    void on(child_connected const&);
    void on(child_ready const&);
    void on(from_child const&);
    void on(child_lost const&);
    void on(deadline_passed const&);
    void on(body_sent const&);
    void on(body_sent_to_mta const&);
    void on(body_not_kept const&);
    void on(answered const&);
    void on(client_checked const&);
    void on(stop_now const&);

    // session_mta.cpp: what the MTA says
    void from_mta_now(wire::frame packet);
    void hold_back(wire::frame const& packet);
    void repair_and_take(wire::frame const& packet, wire::error why);
    void take(wire::command const& what, wire::frame const& packet);
    void take(wire::negotiate const& offer);
    void take(wire::macros const& pairs);
    std::string_view out_of_order(stage at) const;
    void pass_on_unused_macros();
    void take_command(wire::command const& what, wire::frame const& packet);
    void recognise_mta(wire::connect const& what);
    void take_connect(wire::connect const& what, wire::frame const& packet);
    void take_helo(wire::helo const& what, wire::frame const& packet);
    void retry_failed();
    void take_mail(wire::mail const& what, wire::frame const& packet);
    void take_message_command(stage at, std::string_view recipient, wire::frame const& packet);
    void take_content(stage at, wire::command const& what);
    bool too_much(wire::header const& field);
    void ask(envelope::command what);
    std::vector<prospect> prospects() const;
    void connect_children();
    void abort_message();
    void abandon_command();
    void begin_again();
    void refuse_mta(std::string why);

    // session_child.cpp: what a child says
    void reply_from(child_index i, wire::reply const& said);
    void note_answer(child_index i, wire::reply const& said, stage at);
    void note_state(child_index i, wire::reply const& said, stage at);
    void decision_from(child_index i, wire::reply const& said, child::owed debt);
    void envelope_decision(child_index i, stage at, wire::reply const& said);
    std::optional<verdict> as_verdict(child_index i, stage at, wire::reply const& said);
    void finished(child_index i, verdict const& said);
    void evaluated_says(child_index i, stage at, verdict const& said);
    void catch_up(child_index i);
    bool fits_agreement(child_index i);

    // session_client.cpp: whether the SMTP client is still there
    void watch_client();
    void forget_client();
    void look_for_client();
    verdict without_client(stage at) const;

    // session.cpp: what follows from it
    void advance();
    void advance_negotiation();
    void advance_envelope();
    void conclude(outcome const& result);
    void refuse_session(stage at, verdict said, child_index by);
    void refuse_session_late();
    void settle_message(stage at, verdict said, child_index by);
    void advance_body();
    void answer_body();
    void advance_content();
    void answer_end_of_message();
    void send_final_body();
    void final_answer();
    verdict agreement_of_all() const;
    void end_session(bool politely);
    void note_end();
    void release_finished_children();
    void await_mta(milliseconds at_most);
    void send_progress();
    bool waits_for(child const& one) const;
    bool waiting() const { return (offered_ && !negotiated_) || asked_ || body_pending_ || end_pending_; }

    scene shared_;
    memory const* known_;
    applicability conditions_{shared_};
    content content_{shared_, conditions_};
    std::uint64_t commands_ = 0; // so far

    stage last_command_ = stage::negotiate;
    bool offered_ = false;           // the MTA's offer has come
    bool negotiated_ = false;        // and been answered
    std::optional<envelope> asked_;  // the MTA waits for the answer to this
    std::optional<verdict> refused_; // the session is; every command gets this
    // Will be, when the command at hand has its answer.
    std::optional<session_decided> refused_late_;
    bool end_pending_ = false;    // the MTA waits for the answer to its end of message
    bool body_pending_ = false;   // the MTA waits for the answer to a piece of body
    bool body_held_up_ = false;   // on purpose
    bool replaying_ = false;      // edits have gone, the body is on its way
    std::uint64_t body_told_ = 0; // of the final body, to the MTA
    struct held_packet {
        char code;
        std::string payload;
    };
    std::deque<held_packet> held_; // what the MTA said while it should have waited
    std::size_t held_bytes_ = 0;
    std::deque<held_packet> spent_;      // taken from there, and still looked at by actions
    std::optional<stage> unused_macros_; // a D whose command has not come yet
    milliseconds mta_waits_{0};          // the deadline of the MTA's next packet
    microseconds progress_sent_{0};
    std::uint32_t last_check_ = 0; // of the client
    bool checking_ = false;        // its answer has not come yet
    microseconds began_{0};
    bool mta_gone_ = false;
    bool finished_ = false;
};

} // namespace milter::core
