#include "core/content.hpp"

#include "core/groups.hpp"

#include <algorithm>
#include <utility>

namespace milter::core {

void content::begin() {
    auto& mail = shared_.need_mail();
    if (mail.in_content) return;
    mail.in_content = true;
    for (child_index i = 0; i < shared_.children.size(); ++i)
        shared_.skip_without_recipients(i);
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        bool const absent = !one.ready() && one.link != child::link::failed;
        if (one.evaluated() || absent || shared_.finished(i)) mail.ballots[i].at = ballot::state::passed;
    }
    form_groups();
}

void content::form_groups() {
    auto& groups = shared_.mail->groups;
    groups = groups_of(shared_.rules.children);
    auto const dissolved = dissolve(groups, shared_.children);
    if (!std::exchange(told_of_dissolved_, told_of_dissolved_ || !dissolved.empty()))
        for (auto const first : dissolved)
            shared_.note(
                first, stage::header,
                "more than one member of its parallel_group may replace the body; they are asked one "
                "after the other");
}

void content::header(wire::header const& field) {
    begin();
    auto& mail = *shared_.mail;
    if (mail.decided) return;
    std::string value(shared_.agreed.steps.has(wire::step::leading_space) ? "" : " ");
    mail.headers.add(field.name, value.append(field.value));
}

void content::end_of_headers() {
    begin();
    shared_.mail->headers_over = true;
}

void content::body(std::string_view bytes) {
    begin();
    auto& mail = *shared_.mail;
    mail.headers_over = true;
    mail.received += bytes.size();
    if (mail.decided || bytes.empty() || !body_wanted()) return;
    if (!mail.body) mail.body = shared_.new_body();
    mail.body_size += bytes.size();
    shared_.when.out->add(keep{*mail.body, bytes, {}});
}

void content::end_of_message(std::string_view last_bytes) {
    if (!last_bytes.empty()) body(last_bytes);
    begin();
    shared_.mail->headers_over = true;
    shared_.mail->end_seen = true;
}

bool content::wants_body(child_index i) const {
    auto const& one = shared_.children.at(i);
    auto const& mine = shared_.mail->parts[i];
    return one.ready() && one.agreed.wants(stage::body) && !mine.done && !mine.body_over;
}

bool content::body_wanted() const {
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (wants_body(i)) return true;
    return false;
}

// Where in the MTA's own body this child goes on; nothing when it needs nothing more of that.
std::optional<std::uint64_t> content::next_in_body(child_index i) const {
    auto const& mail = *shared_.mail;
    auto const& mine = mail.parts[i];
    if (!wants_body(i)) return {};
    if ((mine.reading ? mine.reading : mine.view ? mine.view->body : mail.body) != mail.body) return {};
    return mine.reading ? mine.body_sent : 0;
}

// Only for one that is at work: the others wait for something that may need the MTA to go on.
bool content::body_waits() const {
    auto const& mail = *shared_.mail;
    if (!mail.body || mail.body_replaced || mail.decided || mail.end_seen) return false;
    auto slowest = mail.body_size;
    bool is_at_work = false;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        auto const next = next_in_body(i);
        if (!next || *next > slowest || one.evaluated()) continue;
        bool const works = !one.quiet() || mail.parts[i].body_in_queue;
        is_at_work = *next < slowest ? works : is_at_work && works;
        slowest = *next;
    }
    return is_at_work && mail.body_size - slowest >= shared_.rules.body_ahead;
}

// Of the MTA's own body, up to where the last reader stands; the MTA itself is only ever told another one.
void content::forget_body() {
    auto& mail = *shared_.mail;
    if (!mail.body || mail.body_replaced) return;
    auto below = mail.body_size;
    for (child_index i = 0; i < shared_.children.size(); ++i)
        below = std::min(below, next_in_body(i).value_or(below));
    if (below < mail.forgotten + shared_.rules.chunk_size) return;
    mail.forgotten = below;
    shared_.when.out->add(core::forget_body{*mail.body, below});
}

// A member of a group may have finished, and its changes wait for the members before it.
void content::gates::close_for(child const& one, child_part const& mine, bool waiting) {
    end &= !waiting;
    headers &= waiting ? !one.agreed.can_change_headers() : mine.committed || !mine.changes_headers();
    body &= waiting ? !one.agreed.can_change_body() : mine.committed || !mine.new_body;
}

void content::advance() {
    auto* const mail = shared_.mail.get();
    if (!mail || !mail->in_content) return;
    gates open;
    gates of_group; // open to all of its members
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        auto& mine = mail->parts[i];
        auto& box = mail->ballots[i];
        if (one.link == child::link::failed && box.at == ballot::state::waiting) replace_lost(i);
        bool const passed = box.at == ballot::state::passed;
        bool const to_commit = passed && !mine.committed && !one.evaluated();
        if (to_commit && open.end && mail->end_seen) commit(i);
        bool const is_first = mail->groups[i] == i;
        if (is_first && !one.evaluated()) of_group = open;
        if (one.ready() && !mine.done) feed(i, is_first ? open : of_group);
        if (box.at == ballot::state::decided) break;
        // A condition may have left it out just now.
        open.close_for(one, mine, box.at != ballot::state::passed);
    }
    if (mail->decided) return;
    forget_body();
    auto const result = count(mail->ballots);
    if (result.at == outcome::state::decided) decide(static_cast<child_index>(result.by));
    if (result.at == outcome::state::passed && mail->end_seen) {
        mail->decided = verdict{};
        mail->decided_at = stage::end_of_message;
    }
}

// A lost child's fallback takes its place, also among the edits (chain P34, P50).
void content::replace_lost(child_index i) {
    auto& mine = shared_.mail->parts[i];
    auto const& one = shared_.children.at(i);
    shared_.mail->ballots[i] = shared_.ballot_of_lost(i, stage::end_of_message);
    mine.edits.clear(); // P41
    mine.new_body.reset();
    if (*one.costs != fallback::quarantine) return;
    if (!shared_.agreed.actions.has(wire::action::quarantine))
        return shared_.note(i, stage::end_of_message, "cannot quarantine: the MTA does not offer it");
    mine.edits.push_back({edit::kind::quarantine, 0, one.rules->name + " has failed", "", false});
}

void content::decide(child_index by) {
    auto& mail = *shared_.mail;
    mail.decided = mail.ballots[by].said;
    mail.decided_by = by;
    mail.decided_at = mail.end_seen ? stage::end_of_message : mail.headers_over ? stage::body : stage::header;
    // An evaluation-mode child before the deciding one would have finished by now.
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (i > by || !shared_.children.at(i).evaluated() || !mail.end_seen) leave(i);
}

// An abort is of no use to a member of a group that has its end of message already: its answer is read and
// ignored (chain V.4), unless it is one to be logged (P65).
void content::leave(child_index i) {
    auto& mine = shared_.mail->parts[i];
    if (mine.done || !mine.end_sent) return shared_.leave_message(i, "aborted");
    if (shared_.children.at(i).evaluated()) return;
    mine.done = true;
    mine.result.said = "aborted";
    shared_.children.overtake(i);
}

// As Postfix does when a filter quarantines (chain P39).
void content::end_chain_behind(child_index i) {
    auto& mail = *shared_.mail;
    for (++i; i < shared_.children.size(); ++i) {
        leave(i);
        mail.parts[i].committed = true; // nothing
        mail.ballots[i] = {ballot::state::passed, {}};
    }
}

// One packet at a time, as far as the gates and its own answers let it.
void content::feed(child_index i, gates const& open) {
    auto const& one = shared_.children.at(i);
    auto& mine = shared_.mail->parts[i];
    bool const early = one.rules->early_feed || open.end;
    while (one.ready() && one.quiet() && !mine.done && !mine.end_sent && !mine.body_in_queue) {
        if (!early || !open.headers) return;
        auto went = feed_header(i);
        if (went == fed::nothing && !shared_.mail->headers_over) return;
        if (went == fed::nothing) went = feed_end_of_headers(i);
        if (went == fed::nothing) {
            if (!open.body && !mine.body_over && one.agreed.wants(stage::body)) return;
            went = feed_body(i);
        }
        if (went == fed::nothing) {
            if (!mine.body_over || !shared_.mail->end_seen || !open.end) return;
            went = feed_end_of_message(i);
        }
        if (went == fed::held) return;
    }
}

// Whether its conditions let it have this piece; false also as long as that is not known.
bool content::concerns(child_index i, applicability::event_at_hand now) {
    if (!conditions_.has_rules(i, now.at)) return true;
    auto& mine = shared_.mail->parts[i];
    constexpr unsigned bits_of_number = 32;
    now.number += shared_.messages << bits_of_number;
    now.size = shared_.mail->received;
    if (now.at != stage::header) now.headers = mine.view ? &mine.view->headers : &shared_.mail->headers;
    bool earlier_finished = true;
    for (child_index k = 0; k < i; ++k)
        earlier_finished &= shared_.mail->ballots[k].at == ballot::state::passed;
    auto const found = conditions_.of(i, now, earlier_finished);
    if (found == applicability::result::skipped) {
        shared_.skip_message(i, conditions_.reason(i));
        mine.edits.clear(); // a quarantine may have come early
        shared_.mail->ballots[i].at = ballot::state::passed;
    }
    return found == applicability::result::applies;
}

content::fed content::feed_header(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    auto const& agreed = shared_.children.at(i).agreed;
    auto const& headers = mine.view ? mine.view->headers : mail.headers;
    while (mine.next_header < headers.size() && !headers.shown(mine.next_header))
        ++mine.next_header;
    if (mine.next_header == headers.size()) return fed::nothing;
    auto const& field = headers.at(mine.next_header);
    std::string_view value = field.value;
    if (!agreed.steps.has(wire::step::leading_space) && value.starts_with(' ')) value.remove_prefix(1);
    applicability::event_at_hand now;
    now.at = stage::header;
    now.number = mine.next_header;
    now.header_name = field.name;
    now.header_value = value;
    if (!concerns(i, now)) return fed::held;
    ++mine.next_header;
    if (!agreed.wants(stage::header)) return fed::more;
    std::string payload;
    wire::append_string(payload, field.name);
    wire::append_string(payload, value);
    mine.told = true;
    shared_.children.tell(i, stage::header, payload);
    return fed::more;
}

content::fed content::feed_end_of_headers(child_index i) {
    auto& mine = shared_.mail->parts[i];
    if (mine.headers_over) return fed::nothing;
    applicability::event_at_hand now;
    now.at = stage::end_of_headers;
    if (!concerns(i, now)) return fed::held;
    mine.headers_over = true;
    if (!shared_.children.at(i).agreed.wants(stage::end_of_headers)) return fed::more;
    mine.told = true;
    shared_.children.tell(i, stage::end_of_headers, {});
    return fed::more;
}

content::fed content::feed_body(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    auto const& one = shared_.children.at(i);
    if (mine.body_over) return fed::nothing;
    if (!one.agreed.wants(stage::body)) {
        mine.body_over = true;
        return fed::more;
    }
    if (!mine.reading) mine.reading = mine.view ? mine.view->body : mail.body;
    auto const body_size = mine.view ? mine.view->body_size : mail.body_size;
    std::uint64_t const left = mine.reading ? body_size - mine.body_sent : 0;
    bool const complete = mail.end_seen;
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(left, shared_.rules.chunk_size));
    if (size == 0 || (size < shared_.rules.chunk_size && !complete)) {
        mine.body_over = complete;
        return complete ? fed::more : fed::nothing;
    }
    applicability::event_at_hand now;
    now.at = stage::body;
    now.number = mine.body_sent;
    now.body = body_piece{*mine.reading, mine.body_sent, size};
    if (!concerns(i, now)) return fed::held;
    mine.told = true;
    mine.body_in_queue = !one.agreed.answers(stage::body);
    shared_.children.tell_body(i, *mine.reading, mine.body_sent, size);
    mine.body_sent += size;
    return fed::more;
}

content::fed content::feed_end_of_message(child_index i) {
    auto& mine = shared_.mail->parts[i];
    applicability::event_at_hand now;
    now.at = stage::end_of_message;
    if (!concerns(i, now)) return fed::held;
    mine.told = mine.end_sent = true;
    shared_.children.tell(i, stage::end_of_message, {});
    return fed::more;
}

void content::body_sent(child_index i) {
    if (auto* const mine = shared_.part(i)) mine->body_in_queue = false;
}

// Its last word is that the message may go on.
void content::pass(child_index i, std::string_view said) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    mine.done = true;
    mine.result.said = said;
    shared_.children.at(i).said = mine.quarantines ? "quarantine" : "accept";
    if (shared_.children.at(i).evaluated()) {
        shared_.when.out->add(evaluated{i, mail.queue_id, mine.result});
        return;
    }
    if (mail.ballots[i].at == ballot::state::waiting) mail.ballots[i].at = ballot::state::passed;
}

void content::decided(child_index i, stage at, wire::decision const& said) {
    using wire::answer;
    switch (said.what) {
    case answer::go_on:
        if (at == stage::end_of_message) finish(i);
        return;
    case answer::accept:
        if (at == stage::end_of_message)
            finish(i);
        else
            pass(i, "accept");
        return;
    case answer::skip:
        if (at == stage::body)
            shared_.mail->parts[i].body_over = true;
        else
            shared_.note(i, at, "answers skip where only continue fits; taken as that");
        if (at == stage::end_of_message) finish(i); // chain P29
        return;
    case answer::reject:
        return decided(i, at, verdict::of(verdict::kind::reject));
    case answer::temp_fail:
        return decided(i, at, verdict::of(verdict::kind::temp_fail));
    case answer::discard:
        return decided(i, at, verdict::of(verdict::kind::discard));
    case answer::shutdown:
        return decided(i, at, verdict::shutdown());
    case answer::conn_fail:
        return shared_.fail(i, at, failure::protocol, "it says that its connection has failed");
    }
}

void content::decided(child_index i, stage, verdict said) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    mine.done = true;
    mine.result.said = name_of(said);
    shared_.children.at(i).said = name_of(said);
    if (shared_.children.at(i).evaluated()) {
        shared_.when.out->add(evaluated{i, mail.queue_id, mine.result});
        return;
    }
    // Effective at its turn: earlier children still come first (chain V.3).
    if (mail.ballots[i].at == ballot::state::waiting)
        mail.ballots[i] = {ballot::state::decided, std::move(said)};
}

void content::time_is_up() {
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto& mail = *shared_.mail;
        if (mail.decided) return;
        if (mail.ballots[i].at != ballot::state::waiting) continue;
        shared_.fail(i, stage::end_of_message, failure::late,
                     "the chain's time at the end of the message is up");
        advance();
    }
}

} // namespace milter::core
