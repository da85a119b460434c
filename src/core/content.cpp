#include "core/content.hpp"

#include <algorithm>
#include <utility>

namespace milter::core {

void content::begin() {
    auto& mail = shared_.need_mail();
    if (mail.in_content) return;
    mail.in_content = true;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        auto const& mine = mail.parts[i];
        auto& box = mail.ballots[i];
        bool const absent = !one.ready() || (mine.done && !mine.lost);
        if (one.evaluated() || absent) box.at = ballot::state::passed;
        if (one.evaluated() || one.link != child::link::failed || (mine.done && !mine.lost)) continue;
        if (auto said = verdict_of(*one.costs)) box = {ballot::state::decided, std::move(*said)};
    }
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

bool content::body_wanted() const {
    auto const& mail = *shared_.mail;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        if (one.ready() && one.agreed.wants(stage::body) && !mail.parts[i].done && !mail.parts[i].body_over)
            return true;
    }
    return false;
}

void content::advance() {
    auto* const mail = shared_.mail.get();
    if (!mail || !mail->in_content) return;
    gates open;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        auto& box = mail->ballots[i];
        if (one.link == child::link::failed && box.at == ballot::state::waiting) {
            auto said = verdict_of(*one.costs);
            box.at = said ? ballot::state::decided : ballot::state::passed;
            if (said) box.said = std::move(*said);
        }
        if (one.ready() && !mail->parts[i].done) feed(i, open);
        if (box.at == ballot::state::decided) break;
        if (box.at != ballot::state::waiting) continue;
        open.end = false;
        open.headers &= !one.agreed.can_change_headers();
        open.body &= !one.agreed.can_change_body();
    }
    if (mail->decided) return;
    auto const result = count(mail->ballots);
    if (result.at == outcome::state::decided) decide(static_cast<child_index>(result.by));
    if (result.at == outcome::state::passed && mail->end_seen) {
        commit_before(static_cast<child_index>(shared_.children.size()));
        mail->decided = verdict{};
        mail->decided_at = stage::end_of_message;
    }
}

void content::decide(child_index by) {
    auto& mail = *shared_.mail;
    mail.decided = mail.ballots[by].said;
    mail.decided_by = by;
    mail.decided_at = mail.end_seen ? stage::end_of_message : mail.headers_over ? stage::body : stage::header;
    // An evaluation-mode child before the deciding one would have finished by now.
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (i > by || !shared_.children.at(i).evaluated() || !mail.end_seen)
            shared_.leave_message(i, "aborted");
}

// What children before that one leave behind without an end of their own: the fallback "quarantine" of a lost
// one (chain P50), and what one asked for that accepted early (chain P42). Each in its place (chain P34).
void content::commit_before(child_index end) {
    auto& mail = *shared_.mail;
    for (; mail.committed < end; ++mail.committed) {
        auto const& one = shared_.children.at(mail.committed);
        auto& mine = mail.parts[mail.committed];
        if (one.evaluated()) continue;
        bool const finished = mine.done && !mine.lost;
        if (finished) commit_edits(mine);
        if (finished || one.link != child::link::failed || *one.costs != fallback::quarantine) continue;
        if (shared_.agreed.actions.has(wire::action::quarantine))
            mail.replay.push_back({edit::kind::quarantine, 0, one.rules->name + " has failed", "", false});
        else
            shared_.note(mail.committed, stage::end_of_message,
                         "cannot quarantine: the MTA does not offer it");
    }
}

void content::commit_edits(child_part& mine) {
    auto& mail = *shared_.mail;
    mine.result.edits += mine.edits.size();
    for (auto const& one : std::exchange(mine.edits, {}))
        mail.replay.push_back(mail.headers.apply(one));
}

// One packet at a time, as far as the gates and its own answers let it.
void content::feed(child_index i, gates const& open) {
    auto const& one = shared_.children.at(i);
    auto& mine = shared_.mail->parts[i];
    bool const early = one.rules->early_feed || open.end;
    while (one.ready() && one.quiet() && !mine.done && !mine.end_sent && !mine.body_in_queue) {
        if (!early || !open.headers) return;
        if (feed_header(i)) continue;
        if (!shared_.mail->headers_over) return;
        if (feed_end_of_headers(i)) continue;
        if (!open.body && !mine.body_over && one.agreed.wants(stage::body)) return;
        if (feed_body(i)) continue;
        if (!mine.body_over || !shared_.mail->end_seen || !open.end) return;
        mine.told = mine.end_sent = true;
        shared_.children.tell(i, stage::end_of_message, {});
    }
}

bool content::feed_header(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    auto const& agreed = shared_.children.at(i).agreed;
    auto const& headers = mine.view ? mine.view->headers : mail.headers;
    while (mine.next_header < headers.size() && !headers.shown(mine.next_header))
        ++mine.next_header;
    if (mine.next_header == headers.size()) return false;
    auto const& field = headers.at(mine.next_header++);
    if (!agreed.wants(stage::header)) return true;
    std::string_view value = field.value;
    if (!agreed.steps.has(wire::step::leading_space) && value.starts_with(' ')) value.remove_prefix(1);
    std::string payload;
    wire::append_string(payload, field.name);
    wire::append_string(payload, value);
    mine.told = true;
    shared_.children.tell(i, stage::header, payload);
    return true;
}

bool content::feed_end_of_headers(child_index i) {
    auto& mine = shared_.mail->parts[i];
    if (mine.headers_over) return false;
    mine.headers_over = true;
    if (!shared_.children.at(i).agreed.wants(stage::end_of_headers)) return true;
    mine.told = true;
    shared_.children.tell(i, stage::end_of_headers, {});
    return true;
}

bool content::feed_body(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    auto const& one = shared_.children.at(i);
    if (mine.body_over) return false;
    if (!one.agreed.wants(stage::body)) {
        mine.body_over = true;
        return true;
    }
    if (!mine.reading) mine.reading = mine.view ? mine.view->body : mail.body;
    auto const body_size = mine.view ? mine.view->body_size : mail.body_size;
    std::uint64_t const left = mine.reading ? body_size - mine.body_sent : 0;
    bool const complete = mail.end_seen;
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(left, shared_.rules.chunk_size));
    if (size == shared_.rules.chunk_size || (complete && size > 0)) {
        mine.told = true;
        mine.body_in_queue = !one.agreed.answers(stage::body);
        shared_.children.tell_body(i, *mine.reading, mine.body_sent, size);
        mine.body_sent += size;
        return true;
    }
    mine.body_over = complete;
    return complete;
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
    if (shared_.children.at(i).evaluated()) {
        shared_.when.out->add(evaluated{i, mail.queue_id, mine.result});
        return;
    }
    // Effective at its turn: earlier children still come first (chain V.3).
    if (mail.ballots[i].at == ballot::state::waiting)
        mail.ballots[i] = {ballot::state::decided, std::move(said)};
}

// The child's final continue: from now on its changes count.
void content::finish(child_index i) {
    auto& mine = shared_.mail->parts[i];
    if (mine.undeclared_body) { // as sendmail does (chain P40)
        shared_.note(i, stage::end_of_message,
                     "replaced the body without having declared it: temporary failure");
        return decided(i, stage::end_of_message, verdict::of(verdict::kind::temp_fail));
    }
    if (!shared_.children.at(i).evaluated()) commit(i);
    pass(i, "pass");
}

// An evaluation-mode child that nobody has waited for must not see what a later child changes (chain P64).
void content::keep_view_before(child_index changing) {
    auto& mail = *shared_.mail;
    std::shared_ptr<content_view const> before;
    for (child_index i = 0; i < changing; ++i) {
        auto& mine = mail.parts[i];
        if (!shared_.children.at(i).evaluated() || mine.done || mine.view) continue;
        if (!before)
            before =
                std::make_shared<content_view const>(content_view{mail.headers, mail.body, mail.body_size});
        mine.view = before;
    }
}

void content::commit(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
    if (!mine.edits.empty() || mine.new_body) keep_view_before(i);
    commit_before(i);
    commit_edits(mine);
    mail.headers.next_child();
    if (!mine.new_body) return;
    ++mine.result.edits;
    bool const lacks_line_end = mine.new_body_size > 0 && !mine.after_crlf;
    if (shared_.profile != mta_kind::sendmail && lacks_line_end) {
        shared_.when.out->keep_made(*mine.new_body, [](std::string& out) { out += "\r\n"; });
        mine.new_body_size += 2;
    }
    mail.body = mine.new_body;
    mail.body_size = mine.new_body_size;
    mail.body_replaced = true;
}

void content::edited(child_index i, wire::reply const& said) {
    auto& mine = shared_.mail->parts[i];
    if (shared_.children.at(i).evaluated()) { // counted, never kept (chain P63, P65)
        bool const more_body =
            std::holds_alternative<wire::replace_body>(said) && std::exchange(mine.replaces_body, true);
        mine.result.edits += more_body ? 0 : 1;
        return;
    }
    if (auto const* const body = std::get_if<wire::replace_body>(&said)) return replace_body(i, body->bytes);
    auto checked = check(said, shared_.children.at(i).agreed, shared_.agreed);
    if (!checked) {
        shared_.note(i, stage::end_of_message, "a change is dropped: " + checked.error());
        return;
    }
    mine.edits_held += checked->held();
    if (mine.edits.size() >= shared_.rules.limits.max_edits) return over_limit(i, "max_edits");
    if (mine.edits_held > shared_.rules.limits.max_header_total)
        return over_limit(i, "the size of its changes");
    mine.edits.push_back(std::move(*checked));
}

void content::over_limit(child_index i, std::string_view what) {
    shared_.fail(i, stage::end_of_message, failure::limit, "more than " + std::string(what) + " allows");
}

// Keeps the bytes with CR LF at each line end, across packets (chain P31).
void content::replace_body(child_index i, std::string_view bytes) {
    auto& mine = shared_.mail->parts[i];
    auto const& agreed = shared_.children.at(i).agreed;
    if (!agreed.can_change_body() || !shared_.agreed.actions.has(wire::action::change_body)) {
        mine.undeclared_body = true;
        return;
    }
    if (!mine.new_body) mine.new_body = shared_.new_body();
    shared_.when.out->keep_made(*mine.new_body, [&](std::string& out) {
        std::size_t const before = out.size();
        for (char const c : bytes) {
            if (c == '\n' && !mine.after_cr) out += '\r';
            out += c;
            mine.after_crlf = c == '\n';
            mine.after_cr = c == '\r';
        }
        mine.new_body_size += out.size() - before;
    });
    auto const most = shared_.rules.limits.max_message_size;
    if (most > 0 && mine.new_body_size > most) over_limit(i, "max_message_size");
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
