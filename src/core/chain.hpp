// The children of one session and what is going on with each: connecting, negotiating, what it was told and
// owes an answer to, how it was lost. Sends to children, one command at a time each; decides nothing about
// the mail.
#pragma once

#include "core/action.hpp"
#include "core/expects.hpp"
#include "core/macros.hpp"
#include "core/negotiation.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace milter::core {

// Where one handle() writes to, and when it is (since the session began; only differences count).
struct moment {
    actions* out = nullptr;
    microseconds now{0};
};

struct child {
    enum class link : std::uint8_t {
        dormant,     // not connected
        connecting,  //
        negotiating, // has our offer
        ready,       //
        left,        // accepted the session, or was told to quit
        failed,      // lost; `costs` says what for
    };
    // A command that it has not answered yet.
    struct owed {
        stage what;
        bool overtaken = false; // nobody waits for the answer any more
    };
    // A command that waits for an earlier answer; evaluation-mode children only.
    struct postponed {
        stage what;
        std::string packets;
    };

    child_policy const* rules = nullptr;
    child::link link = link::dormant;
    child_agreement agreed;
    std::optional<fallback> costs;
    std::optional<failure> lost_by;      // with `costs`
    std::optional<microseconds> began{}; // when it was connected
    std::deque<owed> owes;
    std::deque<postponed> backlog;
    std::size_t backlog_bytes = 0;
    std::vector<own_macro> own;        // set by its conditions
    std::string skipped_by;            // the condition that has left it out of the session
    stage skipped_at = stage::connect; // with it
    std::string_view said;             // its last decision: a word of core::child_said, or ""
    stage last = stage::negotiate;     // shadow of its automaton (protocol 6.2)
    microseconds asked_at{0};

    bool ready() const { return link == link::ready; }
    bool settling() const { return link == link::connecting || link == link::negotiating; }
    bool quiet() const { return owes.empty() && backlog.empty(); }
    bool evaluated() const { return rules->evaluation_mode; }
    // Its `last` when all that waits has been sent.
    stage last_in_line() const { return backlog.empty() ? last : backlog.back().what; }
    bool begins_message_later() const {
        return std::any_of(backlog.begin(), backlog.end(),
                           [](auto const& one) { return one.what == stage::mail; });
    }
};

class chain {
public:
    explicit chain(policy const& rules);

    std::size_t size() const { return children_.size(); }
    child& at(std::size_t i) {
        expects(i < children_.size(), "a child is one of the chain");
        return children_[i];
    }
    child const& at(std::size_t i) const { return const_cast<chain*>(this)->at(i); }
    // To be called first in every handle().
    void now(moment when) { when_ = when; }

    // What children are offered from now on, before the first is connected.
    void offered(wire::negotiate const& from_mta) { offer_ = offer_to_child(from_mta); }
    void connect(child_index i);
    // It was connected and has been offered that before (chain V.5); its answer follows.
    void found_ready(child_index i);
    // A new session of the MTA: nothing is left of the last one. It must have quit.
    void begin_again(child_index i);
    void offer(child_index i, wire::negotiate const& from_mta);
    // Its answer to the offer; false: the child has failed.
    bool negotiated(child_index i, wire::negotiate const& offer, wire::negotiated const& answer);

    // Macros of that stage and the command itself; a reply is owed from then on if it gives one at that
    // stage.
    // repeated: it is told again, to a child that was not there the first time.
    void tell(child_index i, stage at, std::string_view payload, bool repeated = false);
    // The macros alone, of a command that it does not want (chain P21a).
    void tell_macros(child_index i, stage at, bool repeated = false);
    // One piece of the body; a reply is owed if it gives one.
    void tell_body(child_index i, body_id body, std::uint64_t offset, std::size_t size);
    // Takes the oldest debt off.
    void settle(child_index i);
    // It is done with its message and would not answer to the rest of it (protocol 6.2): what waits of that
    // goes.
    void drop_rest_of_message(child_index i);
    // Sends what was postponed, as far as its answers let it.
    void resume(child_index i);
    // It needs more time: its reply deadline begins again (not at the end of the message, whose total
    // counts).
    void extend(child_index i);
    // Whoever owes something now: nobody waits for it any more.
    void overtake(child_index i);

    // A condition leaves it out of the session (chain P57, P59): Q, or no connection at all.
    void skip_session(child_index i, skip_cause const& why);
    void abort(child_index i); // A, at once
    void quit(child_index i);  // Q and close
    // For statistics: it leaves before the session ends.
    void note_left(child_index i, std::optional<stage> at, std::string_view said);
    // Closes without Q; its fallback counts from now on.
    void fail(child_index i, stage at, failure why, std::string detail, std::string_view queue_id);

    macro_store macros;
    // A condition sets a macro for this child alone; an earlier value for the same stage goes (chain P62).
    void set_own_macro(child_index i, stage at, std::string_view name, std::string_view value);
    macro_values own_macros_of(child_index i) const;
    // As this child knows it: its own, else the MTA's. By bare name; "" when there is none.
    std::string_view macro_for(child_index i, std::string_view name) const;
    // A new message: what conditions have set and seen of the last one is gone.
    void forget_message();
    std::vector<prospect> prospects() const;

private:
    bool answers(child const& one, stage at) const { return one.agreed.answers(at); }
    // write(std::string&) appends what is to be sent.
    template <class Write>
    void send(child_index i, Write write);
    // The same, for later.
    template <class Write>
    void postpone(child& one, stage what, Write write);
    void owe(child_index i, stage at);
    void forget_debts(child_index i);

    std::vector<child> children_;
    moment when_;
    wire::negotiate offer_;
    std::size_t evaluation_queue_;
};

} // namespace milter::core
