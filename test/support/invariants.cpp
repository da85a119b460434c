#include "support/invariants.hpp"

#include "support/frames.hpp"
#include "wire/command.hpp"
#include "wire/reply.hpp"

namespace milter::test {

namespace {

std::optional<wire::action> needed_for(char reply) {
    using wire::action;
    switch (reply) {
    case 'h':
    case 'i':
        return action::add_headers;
    case 'm':
        return action::change_headers;
    case 'b':
        return action::change_body;
    case '+':
        return action::add_recipient;
    case '2':
        return action::add_recipient_with_args;
    case '-':
        return action::delete_recipient;
    case 'e':
        return action::change_sender;
    case 'q':
        return action::quarantine;
    default:
        return {};
    }
}

} // namespace

void invariants::happened(core::event const& what) {
    if (auto const* const said = std::get_if<core::from_mta>(&what)) from_mta(said->packet);
    if (auto const* const said = std::get_if<core::from_child>(&what)) from_child(said->child, said->packet);
    if (auto const* const up = std::get_if<core::child_connected>(&what))
        children_[up->child].connected = true;
    if (auto const* const up = std::get_if<core::child_ready>(&what)) {
        auto& one = children_[up->child];
        if (one.connected || one.closed) return; // too late: nobody listens to it
        one.connected = true;
        one.last = core::stage::negotiate;
        from_child(up->child, up->answer);
    }
    if (auto const* const lost = std::get_if<core::child_lost>(&what)) children_[lost->child].closed = true;
}

void invariants::asked(core::action const& what, core::actions const& of) {
    if (auto const* const send = std::get_if<core::to_mta>(&what))
        for_each_frame(of.bytes(send->bytes), [&](wire::frame const& one) { to_mta(one); });
    if (auto const* const send = std::get_if<core::to_child>(&what))
        for_each_frame(of.bytes(send->bytes), [&](wire::frame const& one) { to_child(send->child, one); });
    if (auto const* const send = std::get_if<core::send_body>(&what)) {
        if (send->size == 0) fail("an empty body packet to child " + std::to_string(send->child));
        to_child(send->child, {'B', ""});
    }
    if (std::holds_alternative<core::send_body_to_mta>(what)) to_mta({'b', ""});
    if (auto const* const connect = std::get_if<core::connect_child>(&what)) {
        children_[connect->child] = child{};
        children_[connect->child].closed = false;
    }
    if (auto const* const close = std::get_if<core::close_child>(&what))
        children_[close->child].closed = true;
    if (std::holds_alternative<core::close_mta>(what)) mta_closed_ = true;
}

void invariants::from_mta(wire::frame const& packet) {
    // Overtakes what is pending (chain P49).
    if (packet.code == 'A' || packet.code == 'Q' || packet.code == 'K') {
        if (!owed_to_mta_.empty() && owed_to_mta_.front() == 'O') return; // nothing overtakes the negotiation
        owed_to_mta_.clear();
        in_edits_ = in_body_ = false;
        return;
    }
    if (core::stage_of(packet.code)) owed_to_mta_.push_back(packet.code);
}

// Those in front that get no answer, as agreed.
void invariants::drop_silent() {
    auto const silent = [&](char code) {
        auto const silence = core::silence_of(*core::stage_of(code));
        return !silence.empty() && mta_steps_.has_all(silence);
    };
    while (!owed_to_mta_.empty() && silent(owed_to_mta_.front()))
        owed_to_mta_.erase(owed_to_mta_.begin());
}

std::size_t invariants::unanswered() {
    drop_silent();
    return owed_to_mta_.size();
}

void invariants::to_mta(wire::frame const& packet) {
    drop_silent();
    if (mta_closed_) return fail("a packet to the MTA after its line was closed");
    if (packet.code == 'p') {
        if (in_body_) fail("progress between the pieces of the new body (chain P36)");
        return;
    }
    if (auto const needed = needed_for(packet.code)) {
        if (owed_to_mta_.empty() || owed_to_mta_.front() != 'E') fail("an edit where none is allowed");
        if (!mta_actions_.has(*needed)) fail(std::string("an edit that was not agreed: ") + packet.code);
        if (in_body_ && packet.code != 'b') fail("an edit behind the new body (chain P36)");
        in_edits_ = true;
        in_body_ = in_body_ || packet.code == 'b';
        return;
    }
    if (owed_to_mta_.empty())
        return fail(std::string("a reply to the MTA that none is owed: ") + packet.code);
    bool const positive = packet.code == 'c' || packet.code == 'a';
    if (in_edits_ && !positive) fail("edits before a verdict that refuses (chain P35)");
    in_edits_ = in_body_ = false;
    if (packet.code == 'O') {
        auto const reply = wire::decode_reply(packet);
        if (!reply) return fail("a broken answer to the offer");
        mta_steps_ = std::get<wire::negotiated>(*reply).steps;
        mta_actions_ = std::get<wire::negotiated>(*reply).actions;
    }
    owed_to_mta_.erase(owed_to_mta_.begin());
}

void invariants::to_child(core::child_index i, wire::frame const& packet) {
    auto& one = children_[i];
    auto const who = "child " + std::to_string(i) + ": ";
    if (one.closed || !one.connected) return fail(who + "is sent " + packet.code + " without a connection");
    if (one.quit) return fail(who + "is sent " + packet.code + " after quit");
    if (packet.code == 'Q') one.quit = true;
    if (packet.code == 'A') {
        if (!one.last || *one.last == core::stage::negotiate)
            fail(who + "abort before connect (protocol 6.2)");
        one.last = core::stage::helo;
        return;
    }
    auto const at = core::stage_of(packet.code);
    if (!at) return;
    if (!one.owes.empty())
        fail(who + "is sent " + packet.code + " before it has answered " + one.owes.front());
    if (!core::opt_out_of(*at).empty() && one.steps.has_all(core::opt_out_of(*at)))
        fail(who + "is sent " + packet.code + ", which it opted out of");
    if (one.last && !core::may_follow(*one.last, *at, one.steps))
        fail(who + "would drop " + packet.code + " after " + core::code_of(*one.last) + " (protocol 6.2)");
    one.last = *at;
    auto const silence = core::silence_of(*at);
    if (silence.empty() || !one.steps.has_all(silence)) one.owes.push_back(packet.code);
}

void invariants::from_child(core::child_index i, wire::frame const& packet) {
    auto& one = children_[i];
    auto const reply = wire::decode_reply(packet);
    if (!reply) return;
    if (auto const* const answer = std::get_if<wire::negotiated>(&*reply)) {
        one.steps = answer->steps;
        if (answer->version <= 2) one.steps |= wire::step::no_unknown;
        if (answer->version <= 3) one.steps |= wire::step::no_data;
    }
    auto const* const decision = std::get_if<wire::decision>(&*reply);
    bool const decides = decision != nullptr || std::holds_alternative<wire::negotiated>(*reply) ||
                         std::holds_alternative<wire::reply_code>(*reply);
    if (!decides || one.owes.empty()) return;
    auto const answered = one.owes.front();
    one.owes.erase(one.owes.begin());
    // The filter is done with the message (protocol 6.2), or with the session: it takes a new one only.
    using wire::answer;
    bool const accepts = decision != nullptr && decision->what == answer::accept;
    bool const goes_on =
        decision != nullptr && (decision->what == answer::go_on || decision->what == answer::skip);
    bool const refuses = !accepts && !goes_on && answered != 'O' && answered != 'R' && answered != 'U';
    if ((accepts || refuses) && one.last && core::code_of(*one.last) == answered)
        one.last = core::stage::helo;
}

} // namespace milter::test
