// What the children say.
#include "core/session.hpp"

#include <utility>

namespace milter::core {

namespace {

bool is_content(stage at) {
    return at == stage::header || at == stage::end_of_headers || at == stage::body ||
           at == stage::end_of_message;
}

// Who refuses a recipient or an unknown command goes on with the message.
bool ends_message(stage at, verdict const& said) {
    if (at == stage::connect || at == stage::helo) return false;
    if (said.what == verdict::kind::accept) return true;
    if (at == stage::rcpt) return said.what == verdict::kind::discard;
    return at != stage::unknown && said.terminal();
}

} // namespace

void session::on(child_connected const& who) {
    if (shared_.children.at(who.child).link == child::link::connecting)
        shared_.children.offer(who.child, shared_.offer);
}

void session::on(child_ready const& who) {
    if (shared_.children.at(who.child).link != child::link::connecting) return;
    shared_.children.found_ready(who.child);
    on(from_child{who.child, who.answer});
}

void session::on(child_lost const& lost) {
    auto const& one = shared_.children.at(lost.child);
    auto const at = !one.owes.empty() ? one.owes.front().what : one.settling() ? stage::negotiate : one.last;
    shared_.fail(lost.child, at, lost.why, std::string(lost.detail));
}

void session::on(body_sent const& sent) {
    content_.body_sent(sent.child);
    auto const& owes = shared_.children.at(sent.child).owes;
    if (sent.left_out && !owes.empty() && owes.front().what == stage::body)
        shared_.children.settle(sent.child); // it cannot answer what it has not seen
}

void session::on(from_child const& said) {
    auto const i = said.child;
    auto const& one = shared_.children.at(i);
    if (!one.ready() && one.link != child::link::negotiating) return;
    auto const at = one.owes.empty() ? one.last : one.owes.front().what;
    auto const reply = wire::decode_reply(said.packet);
    if (!reply)
        return shared_.fail(i, at, failure::garbage,
                            "unexpected reply was received: " + std::string(wire::describe(reply.error())));
    if (one.ready()) return reply_from(i, *reply);
    auto const* const answer = std::get_if<wire::negotiated>(&*reply);
    if (!answer)
        return shared_.fail(i, stage::negotiate, failure::protocol,
                            "it answers " + std::string(wire::reply_name(said.packet.code)) +
                                " to the offer");
    if (!shared_.children.negotiated(i, shared_.offer, *answer)) return;
    shared_.when.out->add(remember{i, shared_.offer, one.agreed});
    if (negotiated_ && !fits_agreement(i)) return;
    if (!shared_.connect.empty()) catch_up(i);
}

// A child that comes after the MTA has its answer cannot have what the MTA was told not to send (chain P58).
bool session::fits_agreement(child_index i) {
    for (auto const at : {stage::mail, stage::rcpt, stage::data, stage::unknown, stage::header,
                          stage::end_of_headers, stage::body}) {
        bool const suppressed = shared_.agreed.steps.has_all(opt_out_of(at));
        bool const unheard = !shared_.agreed.answered(at) && shared_.children.at(i).agreed.answers(at);
        if (unheard && at != stage::header && at != stage::end_of_headers && at != stage::body) {
            shared_.fail(i, stage::negotiate, failure::protocol,
                         "it answers at " + std::string(name_of(at)) +
                             ", where the MTA was told not to wait in this session");
            return false;
        }
        if (!suppressed || !shared_.children.at(i).agreed.wants(at) || at == stage::end_of_headers) continue;
        if (at == stage::data || at == stage::unknown) continue; // it can do without
        shared_.fail(i, stage::negotiate, failure::protocol,
                     "it wants " + std::string(name_of(at)) +
                         ", which the MTA was told not to send in this session");
        return false;
    }
    return true;
}

// A child that was not there when the client came is told what it has missed. It takes part from the next
// message on.
void session::catch_up(child_index i) {
    if (asked_ && asked_->at() == stage::connect && !shared_.children.at(i).evaluated())
        return; // is asked right now
    auto const tell = [&](stage at, std::string const& payload) {
        if (payload.empty() || !shared_.children.at(i).ready()) return;
        if (shared_.children.at(i).agreed.wants(at))
            shared_.children.tell(i, at, payload, true);
        else
            shared_.children.tell_macros(i, at, true); // as it had the first time (chain P21a)
    };
    tell(stage::connect, shared_.connect);
    tell(stage::helo, shared_.helo);
    bool const in_time = asked_ && asked_->at() == stage::mail && !shared_.children.at(i).evaluated();
    if (auto* const mine = shared_.part(i); mine && !in_time) mine->done = true;
}

void session::reply_from(child_index i, wire::reply const& said) {
    auto const& one = shared_.children.at(i);
    auto const at = one.owes.empty() ? one.last : one.owes.front().what;
    bool const heard = !one.owes.empty() && !one.owes.front().overtaken;
    if (std::holds_alternative<wire::progress>(said)) {
        shared_.children.extend(i);
        constexpr microseconds often{1'000'000};
        bool const useful = (end_pending_ && !replaying_) || (asked_ && shared_.profile == mta_kind::postfix);
        if (useful && shared_.when.now - progress_sent_ >= often) send_progress();
        return;
    }
    bool const changes = is_edit(said) || std::holds_alternative<wire::replace_body>(said);
    if (changes) {
        bool const early_quarantine = std::holds_alternative<wire::quarantine>(said) && shared_.mail;
        if (!one.owes.empty() && !heard) return; // of a message that is over
        if (at == stage::end_of_message && heard) return content_.edited(i, said);
        if (early_quarantine) return content_.edited(i, said); // kept until the end (chain P42)
        return shared_.fail(i, at, failure::protocol, "it changes the message before its end");
    }
    if (std::holds_alternative<wire::negotiated>(said))
        return shared_.fail(i, at, failure::protocol, "it negotiates a second time");
    if (one.owes.empty()) {
        auto const* const decision = std::get_if<wire::decision>(&said);
        if (decision && decision->what == wire::answer::go_on)
            return shared_.note(i, at, "continue where no answer is due; dropped");
        return shared_.fail(i, at, failure::protocol, "it answers where no answer is due");
    }
    auto const debt = one.owes.front();
    if (auto* const mine = shared_.part(i); mine && heard)
        mine->result.took += shared_.when.now - one.asked_at;
    if (heard) note_answer(i, said, debt.what);
    shared_.children.settle(i);
    note_state(i, said, debt.what);
    if (!debt.overtaken) decision_from(i, said, debt);
    shared_.children.resume(i);
}

// For the figures; that its connection has failed is told as its failure.
void session::note_answer(child_index i, wire::reply const& said, stage at) {
    using wire::answer;
    using kind = verdict::kind;
    auto const took = shared_.when.now - shared_.children.at(i).asked_at;
    auto const note = [&](kind what) { shared_.when.out->add(child_answered{i, at, what, took}); };
    if (auto const* const code = std::get_if<wire::reply_code>(&said))
        return note(code->text.starts_with('5') ? kind::reject : kind::temp_fail);
    switch (std::get<wire::decision>(said).what) {
    case answer::go_on:
    case answer::skip:
        return note(kind::go_on);
    case answer::accept:
        return note(kind::accept);
    case answer::reject:
        return note(kind::reject);
    case answer::discard:
        return note(kind::discard);
    case answer::temp_fail:
    case answer::shutdown:
        return note(kind::temp_fail);
    case answer::conn_fail:
        return;
    }
}

// A libmilter goes back to the state after helo when it accepts anything, or refuses anything but a recipient
// or an unknown command (protocol 6.2).
void session::note_state(child_index i, wire::reply const& said, stage at) {
    auto& one = shared_.children.at(i);
    auto const* const decision = std::get_if<wire::decision>(&said);
    bool const accepts = decision && decision->what == wire::answer::accept;
    bool const goes_on =
        decision && (decision->what == wire::answer::go_on || decision->what == wire::answer::skip);
    bool const refuses = !goes_on && at != stage::rcpt && at != stage::unknown;
    if (one.last == at && (accepts || refuses)) one.last = stage::helo;
}

void session::decision_from(child_index i, wire::reply const& said, child::owed debt) {
    if (!is_content(debt.what)) return envelope_decision(i, debt.what, said);
    if (auto const* const decision = std::get_if<wire::decision>(&said))
        return content_.decided(i, debt.what, *decision);
    content_.decided(i, debt.what, *as_verdict(i, debt.what, said));
}

// What a reply says to an envelope command; nothing when it says that the child has failed.
std::optional<verdict> session::as_verdict(child_index i, stage at, wire::reply const& said) {
    if (auto const* const code = std::get_if<wire::reply_code>(&said)) {
        if (auto text = wire::smtp_reply::parse(code->text)) return verdict::of(std::move(*text));
        bool const permanent = code->text.starts_with('5');
        shared_.note(i, at, "its reply text is not valid for an MTA and is left out");
        return verdict::of(permanent ? verdict::kind::reject : verdict::kind::temp_fail);
    }
    using wire::answer;
    switch (std::get<wire::decision>(said).what) {
    case answer::go_on:
        return verdict{};
    case answer::accept:
        return verdict::of(verdict::kind::accept);
    case answer::reject:
        return verdict::of(verdict::kind::reject);
    case answer::temp_fail:
        return verdict::of(verdict::kind::temp_fail);
    case answer::discard:
        return verdict::of(verdict::kind::discard);
    case answer::shutdown:
        return verdict::shutdown();
    case answer::skip:
        shared_.note(i, at, "answers skip where only continue fits; taken as that");
        return verdict{};
    case answer::conn_fail:
        return {};
    }
    return {};
}

void session::envelope_decision(child_index i, stage at, wire::reply const& said) {
    auto heard = as_verdict(i, at, said);
    if (!heard) return shared_.fail(i, at, failure::protocol, "it says that its connection has failed");
    bool const no_mail = at == stage::connect || at == stage::helo || at == stage::unknown;
    if (heard->what == verdict::kind::discard && no_mail) {
        shared_.note(i, at, "discard has no meaning here; taken as continue");
        heard = verdict{};
    }
    shared_.children.at(i).said = heard->what == verdict::kind::go_on ? "" : name_of(*heard);
    bool const leaves = heard->what != verdict::kind::go_on && (at == stage::connect || at == stage::helo);
    if (leaves) shared_.children.note_left(i, at, name_of(*heard));
    if (leaves && heard->what == verdict::kind::accept) shared_.children.quit(i);
    if (ends_message(at, *heard) && !shared_.children.at(i).begins_message_later()) finished(i, *heard);
    if (shared_.children.at(i).evaluated()) return evaluated_says(i, at, *heard);
    if (asked_ && asked_->at() == at) return asked_->answered(i, std::move(*heard));
    if (!no_mail || !heard->terminal()) return;
    if (asked_) asked_->answered_late(i, *heard); // it was told of connect or helo only now
    shared_.children.quit(i);
    if (at == stage::unknown || (refused_late_ && refused_late_->by < i)) return;
    refused_late_ = session_decided{at, std::move(*heard), i, {}};
    if (!asked_) refuse_session_late();
}

// A child that was told of the client only now refuses it: as natively, that holds for the whole session
// (chain P15, P51), not for one message.
void session::refuse_session_late() {
    if (shared_.mail) abort_message();
    auto const late = *std::exchange(refused_late_, std::nullopt);
    refuse_session(late.at, late.said, late.by);
}

// Its last word on the message that it has been told of.
void session::finished(child_index i, verdict const& said) {
    auto* const mine = shared_.part(i);
    if (!mine) return;
    mine->done = true;
    mine->result.said = name_of(said);
    shared_.children.drop_rest_of_message(i);
}

// What an evaluation-mode child says is logged, and decides what it sees next; nothing else (chain P63, P64).
void session::evaluated_says(child_index i, stage at, verdict const& said) {
    auto const* const mine = shared_.part(i);
    bool const leaves_session = said.terminal() && (at == stage::connect || at == stage::helo);
    if (leaves_session) shared_.children.quit(i);
    if (!leaves_session && !(mine && mine->done)) return;
    child_result result = mine ? mine->result : child_result{};
    if (leaves_session) result.said = name_of(said);
    shared_.when.out->add(core::evaluated{i, std::string(shared_.queue_id()), std::move(result)});
}

} // namespace milter::core
