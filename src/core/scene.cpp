#include "core/scene.hpp"

#include "core/expects.hpp"

#include <utility>

namespace milter::core {

void scene::heard(stage at) {
    last_heard = at;
    last_told = "abort";
    answer_due = true;
}

void scene::note_header(std::optional<child_index> by, edit const& what) {
    if (!what.is_of_header() || what.deletes_header()) return;
    std::string_view value = what.value;
    if (value.starts_with(' ')) value.remove_prefix(1);
    when.out->add(header_told{by, when.out->keep_text(what.name), when.out->keep_text(value)});
}

void scene::answer(stage at, verdict const& said) {
    expects(std::exchange(answer_due, false) && at == last_heard, "a command of the MTA gets one answer");
    last_told = name_of(said);
    if (!agreed.answered(at)) return;
    when.out->send_to_mta([&](std::string& out) { encode(out, said); });
}

milliseconds scene::command_timeout() const {
    constexpr milliseconds of_postfix{27'000};
    constexpr milliseconds of_others{9'000};
    if (rules.command_timeout.count() > 0) return rules.command_timeout;
    return profile == mta_kind::postfix ? of_postfix : of_others;
}

message& scene::need_mail() {
    if (!mail) {
        mail = std::make_unique<message>(children.size(), profile);
        children.forget_message();
        ++messages;
    }
    return *mail;
}

body_id scene::new_body() {
    ++last_body;
    mail->bodies.push_back(last_body);
    return last_body;
}

void scene::fail(child_index i, stage at, failure why, std::string detail) {
    children.fail(i, at, why, std::move(detail), queue_id());
    children.at(i).said = "failed";
    if (auto* const mine = part(i); mine && !mine->done) {
        mine->done = mine->lost = true;
        mine->result.said = "failed";
        if (children.at(i).evaluated()) when.out->add(evaluated{i, mail->queue_id, mine->result});
    }
}

ballot scene::ballot_of_lost(child_index i, stage at) const {
    auto const& one = children.at(i);
    auto said = one.evaluated() ? std::nullopt : verdict_of(*one.costs);
    bool const no_mail_yet = at == stage::connect || at == stage::helo || at == stage::unknown;
    bool const has_effect =
        said && !(said->what == verdict::kind::discard && no_mail_yet); // at the next mail
    return has_effect ? ballot{ballot::state::decided, std::move(*said)} : ballot{ballot::state::passed, {}};
}

void scene::note(std::optional<child_index> child, stage at, std::string text) {
    when.out->add(oddity{child, at, std::move(text), std::string(queue_id())});
}

void scene::leave_message(child_index i, std::string_view said) {
    auto& mine = mail->parts[i];
    if (mine.done) return;
    mine.done = true;
    if (!mine.told) return;
    mine.result.said = said;
    children.abort(i);
    if (children.at(i).evaluated()) when.out->add(evaluated{i, mail->queue_id, mine.result});
}

void scene::skip_message(child_index i, skip_cause const& why) {
    auto& mine = mail->parts[i];
    if (mine.done) return;
    if (mine.told) children.abort(i);
    mine.done = true;
    mine.result.said = children.at(i).said = "skipped";
    mine.result.skipped_by = why.text;
    mine.result.skipped_at = why.at;
    when.out->add(child_skipped{i, why.condition, why.at});
}

bool scene::skip_without_recipients(child_index i) {
    auto const& mine = mail->parts[i];
    if (mine.done || !mine.recipient_hidden || mine.recipient_shown) return false;
    skip_message(i, mine.hidden_by);
    return true;
}

void scene::dismiss(bool keep_evaluated) {
    for (child_index i = 0; i < children.size(); ++i)
        if (!(keep_evaluated && children.at(i).evaluated())) leave_message(i, "aborted");
}

void scene::report(bool aborted) {
    if (!mail || mail->reported) return;
    mail->reported = true;
    message_done done;
    done.queue_id = mail->queue_id;
    done.client = client_for_log();
    done.sender = mail->sender;
    done.recipients = mail->recipients;
    done.refused_recipients = mail->refused_recipients;
    done.size = mail->received;
    done.said = mail->decided.value_or(verdict{});
    done.at = mail->decided_at;
    done.aborted = aborted;
    done.quarantined = mail->quarantined;
    done.decided_by = mail->decided_by;
    for (child_index i = 0; i < children.size(); ++i) {
        auto result = mail->parts[i].result;
        auto const& one = children.at(i);
        if (result.said.empty() && !one.skipped_by.empty()) {
            result.said = "skipped";
            result.skipped_by = one.skipped_by;
            result.skipped_at = one.skipped_at;
        } else if (result.said.empty()) {
            result.said = one.link == child::link::failed ? "failed"
                          : one.link == child::link::left ? "left"
                                                          : "not-asked";
        }
        if (result.said == "failed") result.lost_by = one.lost_by;
        done.children.push_back(std::move(result));
    }
    when.out->add(std::move(done));
}

void scene::drop_mail() {
    if (!mail) return;
    for (auto const body : mail->bodies)
        when.out->add(drop_body{body});
    mail.reset();
}

} // namespace milter::core
