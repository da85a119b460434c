// Whether the SMTP client is still there (configuration 9): when that is asked, and what follows when it is
// gone. Who looks for it, and how, is nobody's business here.
#include "core/session.hpp"

#include <utility>

namespace milter::core {

void session::watch_client() {
    if (shared_.rules.client_check_interval.count() == 0) return;
    shared_.when.out->add(arm{{deadline::kind::client}, shared_.rules.client_check_interval});
}

void session::forget_client() {
    checking_ = false;
    if (shared_.rules.client_check_interval.count() > 0)
        shared_.when.out->add(disarm{{deadline::kind::client}});
}

void session::look_for_client() {
    watch_client();
    if (std::exchange(checking_, true)) return; // one question at a time
    auto what = std::make_shared<question>();
    what->id = ++last_check_;
    what->at = asked_ ? asked_->at() : end_pending_ ? stage::end_of_message : stage::connect;
    what->client = shared_.client;
    what->helo = shared_.helo_name;
    if (shared_.mail) what->sender = shared_.mail->sender;
    what->sessions = shared_.sessions;
    what->macros = shared_.children.macros.all();
    shared_.when.out->add(check_client{std::move(what)});
}

// What the setting becomes where a command does not allow it (chain P22, and discard without a message).
verdict session::without_client(stage at) const {
    auto const costs = shared_.rules.on_client_gone;
    auto const said = verdict_of(costs).value_or(verdict::of(verdict::kind::accept));
    bool const no_mail = at == stage::connect || at == stage::helo || at == stage::unknown;
    bool const no_discard = said.what == verdict::kind::discard && no_mail;
    bool const no_accept = said.what == verdict::kind::accept && at == stage::unknown;
    return no_discard || no_accept ? verdict{} : said;
}

void session::on(client_checked const& said) {
    if (!checking_ || said.id != last_check_) return;
    checking_ = false;
    // An outcome that is being told is told to its end; the next answer says the same.
    if (!said.gone || mta_gone_ || replaying_) return;
    client_gone note{std::string(shared_.queue_id()), {}, {}, shared_.when.now - began_};
    if (asked_) note.at = asked_->at();
    if (end_pending_) note.at = stage::end_of_message;
    if (note.at) {
        note.said = without_client(*note.at);
        shared_.answer(*note.at, note.said);
        bool const of_message = *note.at == stage::mail || *note.at == stage::data ||
                                *note.at == stage::end_of_message || note.said.what == verdict::kind::discard;
        if (auto* const mail = shared_.mail.get(); mail && of_message && !mail->decided) {
            mail->decided = note.said;
            mail->decided_at = *note.at;
        }
    }
    shared_.when.out->add(std::move(note));
    end_session(false);
}

} // namespace milter::core
