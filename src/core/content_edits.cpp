// The edits of the children: kept while a child speaks, committed at its place.
#include "core/content.hpp"

#include <utility>

namespace milter::core {

// The child's final continue: its changes count as soon as all before it have passed.
void content::finish(child_index i) {
    auto& mine = shared_.mail->parts[i];
    if (mine.undeclared_body) { // as sendmail does (chain P40)
        shared_.note(i, stage::end_of_message,
                     "replaced the body without having declared it: temporary failure");
        return decided(i, stage::end_of_message, verdict::of(verdict::kind::temp_fail));
    }
    pass(i, "pass");
}

// An evaluation-mode child that nobody has waited for must not see what a later child changes (chain P64),
// nor a member of a group what the others change (chain V.4).
void content::keep_view_before(child_index changing) {
    auto& mail = *shared_.mail;
    std::shared_ptr<content_view const> before;
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto& mine = mail.parts[i];
        bool const is_before = i < changing && shared_.children.at(i).evaluated();
        bool const is_beside = i != changing && mail.groups[i] == mail.groups[changing];
        bool const over = mine.done && (mine.edits.empty() || mine.committed);
        if ((!is_before && !is_beside) || over || mine.view) continue;
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
    mine.committed = true;
    if (mine.finished()) mine.result.edits = mine.edits.size() + (mine.new_body ? 1 : 0);
    auto shown = mine.view ? std::optional(mine.view->headers) : std::nullopt;
    bool quarantines = false;
    for (auto const& one : mine.edits) {
        quarantines |= one.what == edit::kind::quarantine;
        auto told = shown ? mail.headers.apply(one, *shown) : mail.headers.apply(one);
        if (told) mail.replay.push_back(std::move(*told));
    }
    mail.headers.next_child();
    mine.edits.clear();
    if (mine.new_body) use_body_of(i);
    bool const stops = shared_.rules.quarantine_stops_chain && shared_.profile == mta_kind::postfix;
    if (quarantines && stops && mine.finished()) end_chain_behind(i);
}

void content::use_body_of(child_index i) {
    auto& mail = *shared_.mail;
    auto& mine = mail.parts[i];
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
    mine.quarantines |= std::holds_alternative<wire::quarantine>(said);
    if (shared_.children.at(i).evaluated()) { // counted, never kept (chain P63, P65)
        bool const more_body =
            std::holds_alternative<wire::replace_body>(said) && std::exchange(mine.replaces_body, true);
        mine.result.edits += more_body ? 0 : 1;
        if (auto const legal = check(said, shared_.children.at(i).agreed, shared_.agreed); legal)
            shared_.note_header(i, *legal);
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
    shared_.note_header(i, *checked);
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

} // namespace milter::core
