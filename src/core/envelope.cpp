#include "core/envelope.hpp"

#include <utility>

namespace milter::core {

envelope::envelope(scene& shared, applicability& conditions, command what)
    : shared_(shared), conditions_(conditions), at_(what.at), payload_(what.payload),
      refused_recipient_(what.refused_recipient), number_(what.number), recipient_(std::move(what.recipient)),
      size_(what.size), ballots_(shared.children.size()) {}

outcome envelope::advance() {
    bool blocked = false; // an earlier child may still refuse
    for (child_index i = 0; i < ballots_.size(); ++i) {
        auto& mine = ballots_[i];
        if (mine.at == ballot::state::waiting && (!blocked || in_parallel(i))) start(i, !blocked);
        // A child that was lost after it had been asked.
        if (mine.at == ballot::state::asked && shared_.children.at(i).link == child::link::failed)
            mine = shared_.ballot_of_lost(i, at_);
        if (mine.at == ballot::state::decided) break;
        if (mine.at != ballot::state::passed) blocked = true;
    }
    return count(ballots_);
}

// Where asking early changes nothing that matters (chain V.2).
bool envelope::in_parallel(child_index i) const {
    auto const& rules = *shared_.children.at(i).rules;
    if (at_ == stage::connect || at_ == stage::helo) return !rules.exact_connect;
    return at_ == stage::mail && rules.parallel_mail;
}

void envelope::start(child_index i, bool earlier_answered) {
    auto const& one = shared_.children.at(i);
    bool const asleep = one.link == child::link::dormant;
    if (shared_.finished(i) || one.link == child::link::left || (asleep && at_ != stage::connect)) {
        ballots_[i].at = ballot::state::passed;
        return;
    }
    bool const failed = one.link == child::link::failed;
    if ((asleep || failed || one.ready()) && !concerns(i, earlier_answered)) return;
    if (asleep) shared_.children.connect(i);
    if (failed)
        ballots_[i] = shared_.ballot_of_lost(i, at_);
    else if (one.ready() && (one.quiet() || one.evaluated()))
        start_ready(i);
    else if (one.evaluated()) // not connected yet: nobody waits for it, so it cannot take part
        ballots_[i].at = ballot::state::passed;
}

// Whether its conditions let this command through. When not, it has no say in it; when that is not known yet,
// it waits.
bool envelope::concerns(child_index i, bool earlier_answered) {
    applicability::event_at_hand now;
    now.at = at_;
    now.number = number_;
    now.recipient = recipient_;
    now.size = size_;
    auto const found = conditions_.of(i, now, earlier_answered);
    if (found == applicability::result::skipped) leave_out(i);
    if (found != applicability::result::applies || was_shown_nobody(i)) return false;
    if (at_ == stage::rcpt && !refused_recipient_) shared_.mail->parts[i].recipient_shown = true;
    return true;
}

// What leaving out means at each command (chain P57, P59).
void envelope::leave_out(child_index i) {
    ballots_[i].at = ballot::state::passed;
    bool const from_session = at_ == stage::connect || at_ == stage::helo;
    if (from_session && shared_.children.at(i).link != child::link::failed)
        shared_.children.note_left(i, at_, "stop");
    if (from_session)
        shared_.children.skip_session(i, conditions_.reason(i));
    else if (at_ != stage::rcpt)
        shared_.skip_message(i, conditions_.reason(i));
    else if (!refused_recipient_) {
        shared_.mail->parts[i].recipient_hidden = true;
        shared_.mail->parts[i].result.skipped_by = conditions_.reason(i).text;
        shared_.mail->parts[i].result.skipped_at = at_;
        shared_.mail->parts[i].hidden_by = conditions_.reason(i);
    }
}

// Behind the recipients, a child that has seen none of them has no part in the message (chain P59).
bool envelope::was_shown_nobody(child_index i) {
    if (at_ != stage::data || !shared_.mail) return false;
    if (!shared_.skip_without_recipients(i)) return false;
    ballots_[i].at = ballot::state::passed;
    return true;
}

void envelope::start_ready(child_index i) {
    auto const& one = shared_.children.at(i);
    auto& mine = ballots_[i];
    mine.at = ballot::state::passed;
    bool const hidden = refused_recipient_ && !one.agreed.steps.has(wire::step::rejected_recipients);
    if (hidden || !one.agreed.wants(at_)) {
        shared_.children.tell_macros(i, at_);
        return;
    }
    if (at_ == stage::unknown && !fits_unknown(i)) return;
    if (at_ == stage::mail) shared_.mail->parts[i].told = true;
    shared_.children.tell(i, at_, payload_);
    if (one.agreed.answers(at_) && !one.evaluated() && one.ready()) mine.at = ballot::state::asked;
}

// A filter that does not get data next would drop the content without an answer (chain P22, protocol 6.2).
bool envelope::fits_unknown(child_index i) const {
    auto const& one = shared_.children.at(i);
    auto const last = one.last_in_line();
    if (!shared_.mail || shared_.mail->parts[i].done) return may_follow(last, at_, one.agreed.steps);
    if (shared_.mail->in_content || !keeps_message(last, at_, one.agreed.steps)) return false;
    constexpr std::uint32_t first_with_data = 4;
    if (one.agreed.steps.has(wire::step::no_data) || shared_.agreed.version < first_with_data) return false;
    shared_.mail->unknown_told = true;
    return true;
}

void envelope::answered(child_index i, verdict said) {
    auto& mine = ballots_[i];
    if (mine.at != ballot::state::asked) return;
    mine.at = said.terminal() ? ballot::state::decided : ballot::state::passed;
    mine.said = std::move(said);
}

void envelope::answered_late(child_index i, verdict said) {
    auto& mine = ballots_[i];
    if (mine.at != ballot::state::waiting || !said.terminal()) return;
    mine.at = ballot::state::decided;
    mine.said = std::move(said);
}

void envelope::time_is_up() {
    for (child_index i = 0; i < ballots_.size(); ++i) {
        auto& mine = ballots_[i];
        if (mine.at == ballot::state::asked)
            shared_.fail(i, at_, failure::late, "the chain's time for one command is up");
        else if (mine.at == ballot::state::waiting && shared_.children.at(i).settling())
            shared_.fail(i, at_, failure::late, "not connected when the chain's time for one command was up");
        else if (mine.at == ballot::state::waiting && !shared_.children.at(i).owes.empty())
            shared_.fail(i, at_, failure::late,
                         "an earlier answer was still missing when the chain's time was up");
        if (advance().at != outcome::state::open) return;
    }
}

} // namespace milter::core
