#include "core/session.hpp"

#include <utility>

namespace milter::core {

session::session(policy const& rules, memory const* known) : shared_(rules), known_(known) {}

void session::handle(event const& happened, microseconds now, actions& out) {
    if (finished_) return;
    spent_.clear();
    shared_.when = {&out, now};
    shared_.children.now(shared_.when);
    std::visit([this](auto const& what) { on(what); }, happened);
    advance();
}

// Little is trusted any more: what the MTA waits for, and that all connections end.
void session::break_off(microseconds now, actions& out) {
    if (finished_) return;
    shared_.when = {&out, now};
    auto const at = shared_.last_heard;
    if (at && *at != stage::negotiate && shared_.answer_due && shared_.agreed.answered(*at)) {
        bool const perhaps_edited = *at == stage::end_of_message;
        auto const costs = perhaps_edited ? fallback::temp_fail : shared_.rules.on_no_child_left;
        auto const said = verdict_of(costs).value_or(verdict::of(verdict::kind::accept));
        out.send_to_mta([&](std::string& bytes) { encode(bytes, said); });
    }
    for (child_index i = 0; i < shared_.children.size(); ++i)
        out.add(close_child{i});
    out.add(close_mta{});
    mta_gone_ = finished_ = true;
}

// Everything that can go on, goes on; then what the MTA said meanwhile.
void session::advance() {
    for (;;) {
        advance_negotiation();
        advance_envelope();
        advance_content();
        if (mta_gone_ || held_.empty() || waiting()) break;
        spent_.push_back(std::move(held_.front()));
        held_.pop_front();
        held_bytes_ -= spent_.back().payload.size();
        from_mta_now({spent_.back().code, spent_.back().payload});
    }
    if (mta_gone_) release_finished_children();
}

void session::on(mta_connected const& begun) {
    began_ = shared_.when.now;
    shared_.sessions = begun.sessions;
    shared_.minute_of_week = begun.minute_of_week;
    await_mta(shared_.rules.offer_timeout);
}

void session::await_mta(milliseconds at_most) {
    mta_waits_ = at_most;
    shared_.when.out->add(arm{{deadline::kind::mta}, at_most});
}

void session::advance_negotiation() {
    if (!offered_ || negotiated_ || mta_gone_) return;
    for (std::size_t i = 0; i < shared_.children.size(); ++i)
        if (shared_.children.at(i).settling() && !shared_.children.at(i).evaluated()) return;
    negotiated_ = true;
    shared_.last_told = name_of(verdict{});
    shared_.answer_due = false;
    auto const all = prospects();
    shared_.agreed = answer_to_mta(shared_.offer, all, shared_.rules.mta);
    shared_.children.macros.set_lists(shared_.agreed, shared_.rules.mta);
    shared_.when.out->add(disarm{{deadline::kind::negotiation}});
    auto const& agreed = shared_.agreed;
    shared_.when.out->send_to_mta([&](std::string& out) {
        wire::encode(out, wire::negotiated{agreed.version, agreed.actions, agreed.steps, agreed.macro_lists});
    });
}

void session::advance_envelope() {
    if (!asked_) return;
    auto const result = asked_->advance();
    if (result.at == outcome::state::open) return;
    conclude(result);
    if (refused_late_) refuse_session_late();
}

void session::conclude(outcome const& result) {
    auto const at = asked_->at();
    bool const refused_recipient = asked_->refused_recipient();
    auto recipient = asked_->recipient();
    conditions_.forget();
    auto const by = static_cast<child_index>(result.by);
    bool const passed = result.at == outcome::state::passed;
    auto said = passed ? agreement_of_all() : asked_->said_by(by);
    asked_.reset();
    shared_.children.macros.used(at);
    shared_.when.out->add(disarm{{deadline::kind::command}});
    shared_.when.out->add(disarm{{deadline::kind::progress}});
    if (passed && at == stage::unknown) said = verdict{}; // never accept there (chain P22)
    if (passed && at == stage::rcpt && !refused_recipient) {
        ++shared_.mail->recipients;
        if (!shared_.rules.conditions.empty()) shared_.mail->recipient_list.push_back(std::move(recipient));
    }
    shared_.answer(at, said);
    if (passed) {
        if (said.what == verdict::kind::accept && shared_.mail) shared_.report(false);
        return;
    }
    if (at == stage::connect || at == stage::helo) return refuse_session(at, std::move(said), by);
    bool const one_recipient =
        at == stage::rcpt && said.what != verdict::kind::discard && !said.ends_session();
    if (one_recipient && !refused_recipient) ++shared_.mail->refused_recipients;
    if (!one_recipient && at != stage::unknown) settle_message(at, std::move(said), by);
}

// Continue, or accept when no child wants to hear more of the session or the message (chain P14).
verdict session::agreement_of_all() const {
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        bool const left_session = one.link == child::link::left;
        if (!left_session && !shared_.finished(i)) return {};
    }
    return shared_.children.size() > 0 ? verdict::of(verdict::kind::accept) : verdict{};
}

void session::refuse_session(stage at, verdict said, child_index by) {
    for (child_index i = 0; i < shared_.children.size(); ++i)
        shared_.children.quit(i);
    shared_.when.out->add(session_decided{at, said, by, shared_.client_for_log()});
    refused_ = std::move(said);
}

void session::settle_message(stage at, verdict said, child_index by) {
    auto& mail = *shared_.mail;
    mail.decided = std::move(said);
    mail.decided_by = by;
    mail.decided_at = at;
    shared_.dismiss(false);
    shared_.report(false);
}

void session::advance_content() {
    if (!shared_.mail) return;
    content_.advance();
    if (body_pending_) advance_body();
    if (end_pending_ && !replaying_ && shared_.mail->decided) answer_end_of_message();
    if (shared_.mail && shared_.mail->complete) {
        for (child_index i = 0; i < shared_.children.size(); ++i)
            if (shared_.children.at(i).ready() && !shared_.mail->parts[i].done && shared_.mail->parts[i].told)
                return;
        shared_.drop_mail();
    }
}

// A body of which the MTA is not far ahead is never stored whole.
void session::advance_body() {
    if (!shared_.agreed.answered(stage::body) || !content_.body_waits()) return answer_body();
    if (std::exchange(body_held_up_, true)) return;
    shared_.when.out->add(arm{{deadline::kind::body}, shared_.rules.body_patience});
}

void session::answer_body() {
    body_pending_ = false;
    if (std::exchange(body_held_up_, false)) shared_.when.out->add(disarm{{deadline::kind::body}});
    auto const& mail = *shared_.mail;
    if (mail.decided && mail.decided->terminal()) {
        shared_.answer(stage::body, *mail.decided);
        shared_.report(false);
    } else if (shared_.agreed.steps.has(wire::step::skip) && !content_.body_wanted()) {
        shared_.last_told = "skip";
        shared_.answer_due = false;
        shared_.when.out->send_to_mta(
            [](std::string& out) { wire::encode(out, wire::decision{wire::answer::skip}); });
    } else {
        shared_.answer(stage::body, {});
    }
}

// All edits, then the body, then the decision (chain P34 to P36, P43).
void session::answer_end_of_message() {
    auto& mail = *shared_.mail;
    shared_.when.out->add(disarm{{deadline::kind::end_of_message}});
    shared_.when.out->add(disarm{{deadline::kind::progress}});
    if (mail.decided->terminal()) return final_answer();
    bool const leading_space = shared_.agreed.steps.has(wire::step::leading_space);
    for (auto const& one : mail.replay)
        shared_.when.out->send_to_mta([&](std::string& out) { encode(out, one, leading_space); });
    for (auto const& one : mail.replay) {
        shared_.note_header({}, one);
        if (one.what != edit::kind::quarantine || std::exchange(mail.quarantined, true)) continue;
        shared_.when.out->add(quarantine_told{});
    }
    if (!mail.body_replaced) return final_answer();
    replaying_ = true;
    body_told_ = 0;
    send_final_body();
}

void session::send_final_body() {
    auto const& mail = *shared_.mail;
    constexpr std::uint64_t most = 65'535;
    auto const size = static_cast<std::size_t>(std::min(mail.body_size - body_told_, most));
    shared_.when.out->add(send_body_to_mta{*mail.body, body_told_, size});
    body_told_ += size;
}

void session::on(body_sent_to_mta const&) {
    if (!replaying_) return;
    if (body_told_ < shared_.mail->body_size)
        send_final_body();
    else
        final_answer();
}

void session::final_answer() {
    end_pending_ = replaying_ = false;
    shared_.answer(stage::end_of_message, *shared_.mail->decided);
    shared_.children.macros.used(stage::end_of_message);
    shared_.mail->complete = true;
    shared_.report(false);
}

void session::send_progress() {
    progress_sent_ = shared_.when.now;
    shared_.when.out->send_to_mta([](std::string& out) { wire::encode(out, wire::progress{}); });
}

void session::on(deadline_passed const& passed) {
    auto const i = passed.which.child;
    switch (passed.which.what) {
    case deadline::kind::mta:
        if (waiting()) return await_mta(mta_waits_); // it is our turn
        return refuse_mta("nothing came for " + std::to_string(mta_waits_.count()) + " ms");
    case deadline::kind::negotiation:
        for (child_index k = 0; k < shared_.children.size(); ++k)
            if (shared_.children.at(k).settling() && !shared_.children.at(k).evaluated())
                shared_.fail(k, stage::negotiate, failure::late, "not negotiated within negotiation_timeout");
        return;
    case deadline::kind::command:
        if (asked_) asked_->time_is_up();
        return;
    case deadline::kind::end_of_message:
        if (end_pending_ && !replaying_) content_.time_is_up();
        return;
    case deadline::kind::progress:
        if (!asked_ && (!end_pending_ || replaying_)) return;
        send_progress();
        return shared_.when.out->add(arm{{deadline::kind::progress}, shared_.rules.progress_interval});
    case deadline::kind::question:
        return conditions_.give_up();
    case deadline::kind::body:
        if (body_pending_) answer_body();
        return;
    case deadline::kind::client:
        return look_for_client();
    case deadline::kind::connecting:
        return shared_.fail(i, stage::negotiate, failure::late, "not connected within connection_timeout");
    case deadline::kind::reply: {
        auto const& owes = shared_.children.at(i).owes;
        if (owes.empty()) return;
        bool const at_end = owes.front().what == stage::end_of_message;
        return shared_.fail(i, owes.front().what, failure::late,
                            at_end ? "nothing within end_of_message_timeout"
                                   : "nothing within reading_timeout");
    }
    }
}

void session::on(answered const& said) {
    conditions_.answered(said.id, said.answers);
}

void session::on(body_not_kept const& lost) {
    auto* const mail = shared_.mail.get();
    if (!mail || mail->complete || replaying_) return;
    shared_.note({}, stage::body,
                 "the body cannot be kept: " + std::string(lost.detail) + "; temporary failure");
    if (mail->decided && mail->decided->terminal()) return;
    mail->decided = verdict::of(verdict::kind::temp_fail);
    mail->decided_by.reset();
    mail->decided_at = stage::body;
    shared_.dismiss(false);
}

void session::on(mta_lost const&) {
    pass_on_unused_macros();
    end_session(false);
}

bool session::between_messages() const {
    return !waiting() && held_.empty() && (!shared_.mail || shared_.mail->complete);
}

void session::on(stop_now const&) {
    auto const later = verdict::of(verdict::kind::temp_fail);
    if (asked_) shared_.answer(asked_->at(), later);
    if (body_pending_) shared_.answer(stage::body, later);
    if (end_pending_ && !replaying_) shared_.answer(stage::end_of_message, later);
    end_session(false);
    for (child_index i = 0; i < shared_.children.size(); ++i)
        shared_.children.quit(i);
}

// politely: the MTA has said quit. A child that is still evaluating a complete message may finish (chain
// P64).
void session::end_session(bool politely) {
    if (mta_gone_) return;
    abandon_command();
    forget_client();
    if (shared_.mail && !shared_.mail->complete) {
        bool const had_verdict = shared_.mail->decided.has_value();
        if (!politely) shared_.dismiss(false);
        shared_.report(!had_verdict);
        shared_.drop_mail();
    }
    note_end();
    mta_gone_ = true;
    held_.clear();
    shared_.when.out->add(disarm{{deadline::kind::mta}});
    shared_.when.out->add(disarm{{deadline::kind::negotiation}});
    shared_.when.out->add(close_mta{});
}

void session::note_end() {
    shared_.when.out->add(session_ended{shared_.last_heard, shared_.last_told, shared_.when.now - began_});
}

void session::release_finished_children() {
    bool all_gone = true;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        auto const* const mine = shared_.part(i);
        if (one.evaluated() && one.ready() && mine && mine->told && !mine->done)
            all_gone = false;
        else
            shared_.children.quit(i);
    }
    if (!all_gone) return;
    shared_.drop_mail();
    finished_ = true;
}

} // namespace milter::core
