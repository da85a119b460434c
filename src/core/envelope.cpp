#include "core/envelope.hpp"

#include <utility>

namespace milter::core {

envelope::envelope(scene& shared, stage at, std::string_view payload, bool refused_recipient)
    : shared_(shared), at_(at), payload_(payload), refused_recipient_(refused_recipient),
      ballots_(shared.children.size()) {}

outcome envelope::advance() {
    bool blocked = false; // an earlier child may still refuse
    for (child_index i = 0; i < ballots_.size(); ++i) {
        auto& mine = ballots_[i];
        if (mine.at == ballot::state::waiting && (!blocked || in_parallel(i))) start(i);
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

void envelope::start(child_index i) {
    auto const& one = shared_.children.at(i);
    if (shared_.finished(i) || one.link == child::link::left || one.link == child::link::dormant)
        ballots_[i].at = ballot::state::passed;
    else if (one.link == child::link::failed)
        ballots_[i] = shared_.ballot_of_lost(i, at_);
    else if (one.ready() && (one.quiet() || one.evaluated()))
        start_ready(i);
    else if (one.evaluated()) // not connected yet: nobody waits for it, so it cannot take part
        ballots_[i].at = ballot::state::passed;
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
    if (!shared_.mail || shared_.mail->parts[i].done) return may_follow(one.last, at_, one.agreed.steps);
    if (shared_.mail->in_content || !keeps_message(one.last, at_, one.agreed.steps)) return false;
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
