#include "library/session_link.hpp"

#include "library/answers.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace milter {
inline namespace v3 {

using library::inner;

struct deferred::promise {
    std::shared_ptr<library::loop> where;
    std::shared_ptr<session_link*> whose;
    std::uint64_t which = 0;
};

namespace {

client client_of(wire::connect const& one) {
    client who;
    who.host = one.host;
    who.address = one.address;
    who.port = one.port;
    if (one.family == 'L') who.family = client::kind::unix_socket;
    if (one.family == '4') who.family = client::kind::inet;
    if (one.family == '6') who.family = client::kind::inet6;
    if (who.address.starts_with("IPv6:")) who.address.remove_prefix(5); // protocol 4.1: Sendmail
    return who;
}

std::vector<std::string_view> list_of(wire::strings told) {
    std::vector<std::string_view> all;
    while (auto const one = told.next())
        all.push_back(*one);
    return all;
}

} // namespace

session_link::session_link(std::unique_ptr<handler> user, milter::filter::conversation& talk,
                           std::shared_ptr<library::loop> where, reporter trouble)
    : user_(std::move(user)), talk_(talk), where_(std::move(where)), trouble_(std::move(trouble)),
      self_(std::make_shared<session_link*>(this)) {
    user_->link_ = this;
}

session_link::~session_link() {
    *self_ = nullptr;
}

agreement session_link::agreed() const {
    auto const& all = talk_.agreed();
    return {all.version, actions(all.actions.bits()), steps(all.steps.bits())};
}

deferred session_link::defer() {
    open_promise_ = ++promises_;
    return deferred(
        std::make_shared<deferred::promise const>(deferred::promise{where_, self_, open_promise_}));
}

void session_link::resume(std::uint64_t which, body_answer const& decided,
                          std::function<void(edits&)> const& change) {
    if (which != open_promise_) return;
    open_promise_ = 0;
    if (change && edits_) tell([&] { change(*edits_); });
    edits_.reset();
    talk_.resume(inner<milter::filter::body_answer>(decided));
}

void session_link::progress(std::uint64_t which) {
    if (which == open_promise_ && edits_) edits_->progress();
}

template <class Inner, class Call>
Inner session_link::ask(Call call) {
    try {
        return inner<Inner>(call());
    } catch (std::exception const& thrown) {
        if (trouble_) trouble_(thrown.what());
    } catch (...) {
        if (trouble_) trouble_("an exception that is no std::exception");
    }
    return milter::filter::temp_fail{};
}

template <class Call>
void session_link::tell(Call call) {
    ask<milter::filter::answer>([&]() -> answer {
        call();
        return go_on{};
    });
}

milter::filter::negotiate_answer session_link::on_negotiate(wire::negotiate const& offer) {
    negotiate_answer decided = refuse{};
    tell([&] {
        decided =
            user_->on_negotiate({offer.version, actions(offer.actions.bits()), steps(offer.steps.bits())});
    });
    auto const* const wanted = std::get_if<wish>(&decided);
    if (!wanted) return milter::filter::refuse{};
    milter::filter::wish all;
    all.actions = wire::actions(wanted->actions.bits());
    all.steps = wire::steps(wanted->steps.bits());
    for (auto const& [stage, names] : wanted->macros)
        all.macros.emplace_back(static_cast<wire::macro_stage>(stage), names);
    return all;
}

milter::filter::connect_answer session_link::on_connect(wire::connect const& who) {
    return ask<milter::filter::connect_answer>([&] { return user_->on_connect(client_of(who)); });
}

milter::filter::connect_answer session_link::on_helo(wire::helo const& who) {
    return ask<milter::filter::connect_answer>([&] { return user_->on_helo(who.name); });
}

milter::filter::answer session_link::on_mail(wire::mail const& sender) {
    auto const parameters = list_of(sender.arguments);
    return ask<milter::filter::answer>([&] { return user_->on_mail(sender.address, parameters); });
}

milter::filter::answer session_link::on_rcpt(wire::rcpt const& recipient) {
    auto const parameters = list_of(recipient.arguments);
    return ask<milter::filter::answer>([&] { return user_->on_rcpt(recipient.address, parameters); });
}

milter::filter::answer session_link::on_data() {
    return ask<milter::filter::answer>([&] { return user_->on_data(); });
}

milter::filter::unknown_answer session_link::on_unknown(wire::unknown const& command) {
    return ask<milter::filter::unknown_answer>([&] { return user_->on_unknown(command.line); });
}

milter::filter::answer session_link::on_header(wire::header const& field) {
    return ask<milter::filter::answer>([&] { return user_->on_header(field.name, field.value); });
}

milter::filter::answer session_link::on_end_of_headers() {
    return ask<milter::filter::answer>([&] { return user_->on_end_of_headers(); });
}

milter::filter::body_answer session_link::on_body(wire::body const& piece) {
    return ask<milter::filter::body_answer>([&] { return user_->on_body(piece.bytes); });
}

milter::filter::answer session_link::on_end_of_message(milter::filter::edits& message) {
    edits_.emplace(edits(&message));
    auto decided = ask<milter::filter::answer>([&] { return user_->on_end_of_message(*edits_); });
    if (!std::holds_alternative<milter::filter::later>(decided)) edits_.reset();
    return decided;
}

void session_link::on_abort() {
    tell([&] { user_->on_abort(); });
}

void session_link::on_error(std::string_view what) {
    tell([&] { user_->on_error(what); });
}

void session_link::on_quit() {
    open_promise_ = 0;
    edits_.reset();
    tell([&] { user_->on_quit(); });
}

void deferred::resume(body_answer decided, std::function<void(edits&)> change) const {
    what_->where->post([what = what_, decided = std::move(decided), change = std::move(change)] {
        if (auto* const link = *what->whose) link->resume(what->which, decided, change);
    });
}

void deferred::progress() const {
    what_->where->post([what = what_] {
        if (auto* const link = *what->whose) link->progress(what->which);
    });
}

} // namespace v3

milter::filter::factory library::sessions_of(maker make, std::shared_ptr<loop> where,
                                             session_link::reporter on_trouble) {
    return [make = std::move(make), where = std::move(where),
            on_trouble = std::move(on_trouble)](milter::filter::conversation& talk) {
        return std::make_unique<session_link>(make(), talk, where, on_trouble);
    };
}

} // namespace milter
