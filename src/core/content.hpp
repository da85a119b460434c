// The content of the message: headers, body and its end, to each child as the earlier ones left it, as early
// as that is exact (chain IV.3, V.3), and the edits that come back (IV.4). Works on the message of the scene.
#pragma once

#include "core/applicability.hpp"
#include "core/scene.hpp"

#include <string_view>

namespace milter::core {

class content {
public:
    content(scene& shared, applicability& conditions) : shared_(shared), conditions_(conditions) {}

    // What the MTA sends. Each must be followed by advance().
    void header(wire::header const& field);
    void end_of_headers();
    void body(std::string_view bytes);
    void end_of_message(std::string_view last_bytes);

    // Feeds whoever may be fed and counts; when the verdict is fixed it is in the message (`decided`), and
    // whoever has not finished is out of it.
    void advance();

    // A reply of a child to a piece of content, taken off what it owes by the caller when it is a decision.
    void decided(child_index i, stage at, wire::decision const& said);
    void decided(child_index i, stage at, verdict said);
    void edited(child_index i, wire::reply const& said);
    void body_sent(child_index i);
    // The chain's time is up: whoever has not finished fails, in order.
    void time_is_up();

    // The MTA is so far ahead of a child at work that it can wait with its next piece.
    bool body_waits() const;
    // Somebody needs more of the body, as far as is known (chain P29).
    bool body_wanted() const;

private:
    bool wants_body(child_index i) const;
    std::optional<std::uint64_t> next_in_body(child_index i) const;
    // What the children before this one allow (chain V.3).
    struct gates {
        bool headers = true; // they will not change the headers any more
        bool body = true;
        bool end = true; // they have all finished
        void close_for(child const& one, child_part const& mine, bool waiting);
    };
    void begin();
    void feed(child_index i, gates const& open);
    bool concerns(child_index i, applicability::event_at_hand now);
    enum class fed {
        more,    // it can go on
        nothing, // there is nothing (more) of this kind for it
        held,    // a condition holds it back, or has left the child out
    };
    fed feed_header(child_index i);
    fed feed_end_of_headers(child_index i);
    fed feed_body(child_index i);
    fed feed_end_of_message(child_index i);
    void finish(child_index i);
    void forget_body();
    void keep_view_before(child_index changing);
    void commit(child_index i);
    void use_body_of(child_index i);
    void leave(child_index i);
    void end_chain_behind(child_index i);
    void form_groups();
    void replace_body(child_index i, std::string_view bytes);
    void pass(child_index i, std::string_view said);
    void decide(child_index by);
    void replace_lost(child_index i);
    void over_limit(child_index i, std::string_view what);

    scene& shared_;
    bool told_of_dissolved_ = false; // once a session is enough
    applicability& conditions_;
};

} // namespace milter::core
