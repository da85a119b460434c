#include "filter/conversation.hpp"

#include "wire/reply.hpp"

#include <algorithm>
#include <utility>

namespace milter::filter {

namespace {

using wire::step;

// What an MTA may send ahead of an answer that is late.
constexpr std::size_t most_queued = 4 * 1024 * 1024;

// A body of an MTA's last packet is decided upon as the end of the message (protocol 4.8).
constexpr char end = wire::end_of_message::code;

wire::steps no_reply_of(char code) {
    switch (code) {
    case wire::connect::code:
        return step::no_reply_connect;
    case wire::helo::code:
        return step::no_reply_helo;
    case wire::mail::code:
        return step::no_reply_mail;
    case wire::rcpt::code:
        return step::no_reply_rcpt;
    case wire::data::code:
        return step::no_reply_data;
    case wire::unknown::code:
        return step::no_reply_unknown;
    case wire::header::code:
        return step::no_reply_header;
    case wire::end_of_headers::code:
        return step::no_reply_end_of_headers;
    case wire::body::code:
        return step::no_reply_body;
    default:
        return {};
    }
}

bool is_refusal(body_answer const& one) {
    return std::holds_alternative<reject>(one) || std::holds_alternative<temp_fail>(one) ||
           std::holds_alternative<wire::smtp_reply>(one);
}

// protocol 8: what must never be said there. The types of the steps exclude it, but not those of resume().
bool is_legal(char code, body_answer const& one) {
    bool const about_message =
        code != wire::connect::code && code != wire::helo::code && code != wire::unknown::code;
    if (std::holds_alternative<discard>(one)) return about_message;
    if (std::holds_alternative<accept>(one)) return code != wire::unknown::code;
    if (std::holds_alternative<skip>(one)) return code == wire::body::code;
    return !std::holds_alternative<later>(one);
}

struct as_packet {
    wire::reply operator()(go_on) const { return wire::decision{wire::answer::go_on}; }
    wire::reply operator()(accept) const { return wire::decision{wire::answer::accept}; }
    wire::reply operator()(reject) const { return wire::decision{wire::answer::reject}; }
    wire::reply operator()(temp_fail) const { return wire::decision{wire::answer::temp_fail}; }
    wire::reply operator()(discard) const { return wire::decision{wire::answer::discard}; }
    wire::reply operator()(skip) const { return wire::decision{wire::answer::skip}; }
    wire::reply operator()(later) const { return wire::decision{wire::answer::go_on}; }
    wire::reply operator()(wire::smtp_reply const& one) const { return wire::reply_code{one.text()}; }
};

} // namespace

conversation::conversation(factory make, std::string& out, std::function<void()> flush)
    : make_(std::move(make)), out_(out), flush_(std::move(flush)) {
    filter_ = make_(*this);
}

conversation::~conversation() {
    end_session();
}

void conversation::handle(wire::frame const& packet) {
    if (closed_) return;
    ended_.clear();
    if (pending_ != 0 && packet.code != wire::quit::code) {
        queued_ += packet.payload.size() + 1;
        queue_.push_back({packet.code, std::string(packet.payload)});
        if (queued_ > most_queued) broken("too much was sent before the answer");
        return;
    }
    process(packet);
}

void conversation::process(wire::frame const& packet) {
    auto const command = wire::decode_command(packet);
    if (!command) {
        broken(wire::describe(command.error()));
        return;
    }
    bool const is_negotiation = packet.code == wire::negotiate::code;
    if (is_negotiation == negotiated_) {
        broken(negotiated_ ? "a second negotiation" : "a command before the negotiation");
        return;
    }
    step_ = packet.code;
    busy_ = true;
    std::visit([this](auto const& one) { on(one); }, *command);
    busy_ = false;
}

bool conversation::waits_for(char code) const {
    return wire::wants_reply(code) && (no_reply_of(code) & agreed_.steps).empty();
}

void conversation::lost() {
    closed_ = true;
    end_session();
}

void conversation::broken(std::string_view what) {
    if (filter_) filter_->on_error(what);
    lost();
}

void conversation::hang_up() {
    closed_ = true;
    if (!busy_) flush_();
}

void conversation::send_raw(std::string_view bytes) {
    out_ += bytes;
    flush_();
}

void conversation::end_session() {
    pending_ = 0;
    queue_.clear();
    queued_ = 0;
    edits_.reset();
    if (!filter_) return;
    // It may be what called, by resume(): it goes with the next packet.
    ended_.push_back(std::move(filter_));
    ended_.back()->on_quit();
}

std::span<macro_value const> conversation::fresh_macros() const {
    if (fresh_for_ != step_) return {};
    return fresh_;
}

void conversation::on(wire::negotiate const& offer) {
    if (offer.version < 2) {
        broken("a version of the protocol before 2");
        return;
    }
    offer_ = offer;
    // protocol 3.5: what an offer of nothing meant in the first version.
    if (offer_->actions.empty()) offer_->actions = wire::actions(0x0F);
    if (offer_->steps.empty()) offer_->steps = wire::steps(0x3F);
    auto decided = filter_->on_negotiate(offer);
    if (std::holds_alternative<later>(decided))
        pending_ = wire::negotiate::code;
    else
        agree(std::move(decided));
}

void conversation::agree(negotiate_answer decided) {
    auto const* const wanted = std::get_if<wish>(&decided);
    if (!wanted) {
        closed_ = true;
        return;
    }
    negotiated_ = true;
    agreed_.version = std::min(wire::newest_version, offer_->version);
    auto actions = wanted->actions;
    if (!wanted->macros.empty()) actions |= wire::action::set_macro_lists;
    agreed_.actions = actions & offer_->actions;
    agreed_.steps = wanted->steps & offer_->steps;
    std::string lists;
    if (agreed_.actions.has(wire::action::set_macro_lists))
        for (auto const& [stage, names] : wanted->macros)
            wire::append_macro_list(lists, {static_cast<std::uint32_t>(stage), names});
    wire::encode(out_, wire::negotiated{agreed_.version, agreed_.actions, agreed_.steps, lists});
}

void conversation::on(wire::macros const& told) {
    macros_.take(told);
    fresh_ = pairs_of(told);
    fresh_for_ = told.for_command;
}

void conversation::on(wire::connect const& client) {
    macros_.begin(step_);
    session_decided_.reset();
    message_decided_.reset();
    in_message_ = false;
    settle(step_, filter_->on_connect(client));
}

void conversation::on(wire::helo const& client) {
    macros_.begin(step_);
    in_message_ = false;
    message_decided_.reset();
    // A client that was refused may try another name; one that was accepted stays accepted.
    if (session_decided_ && std::holds_alternative<accept>(*session_decided_) && from_memory(step_)) return;
    session_decided_.reset();
    settle(step_, filter_->on_helo(client));
}

void conversation::on(wire::mail const& sender) {
    macros_.begin(step_);
    message_decided_.reset();
    skipping_ = false;
    if (from_memory(step_)) return;
    in_message_ = true;
    settle(step_, filter_->on_mail(sender));
}

void conversation::on(wire::rcpt const& recipient) {
    macros_.begin(step_);
    if (!from_memory(step_)) settle(step_, filter_->on_rcpt(recipient));
}

void conversation::on(wire::data const&) {
    if (!from_memory(step_)) settle(step_, filter_->on_data());
}

void conversation::on(wire::header const& field) {
    if (!from_memory(step_)) settle(step_, filter_->on_header(field));
}

void conversation::on(wire::end_of_headers const&) {
    if (!from_memory(step_)) settle(step_, filter_->on_end_of_headers());
}

void conversation::on(wire::body const& piece) {
    if (from_memory(step_)) return;
    if (skipping_)
        decide(step_, skip{});
    else
        settle(step_, filter_->on_body(piece));
}

void conversation::on(wire::end_of_message const& message) {
    if (!message.bytes.empty() && !message_decided_ && !session_decided_ && !skipping_) {
        last_piece_ = true;
        auto const about_piece = filter_->on_body({message.bytes});
        last_piece_ = false;
        // One reply for both (protocol 19.9): `later` cannot be, what the filter thinks is known at the end.
        if (is_legal(end, about_piece)) remember(wire::body::code, about_piece);
    }
    if (from_memory(step_)) return;
    edits_.emplace(agreed_, out_, flush_);
    settle(step_, filter_->on_end_of_message(*edits_));
}

void conversation::on(wire::abort const&) {
    in_message_ = false;
    skipping_ = false;
    message_decided_.reset();
    filter_->on_abort();
}

void conversation::on(wire::quit const&) {
    macros_.clear();
    lost();
}

void conversation::on(wire::quit_new_connection const&) {
    end_session();
    macros_.clear();
    fresh_.clear();
    session_decided_.reset();
    message_decided_.reset();
    in_message_ = skipping_ = false;
    filter_ = make_(*this);
}

void conversation::on(wire::unknown const& command) {
    settle(step_, filter_->on_unknown(command));
}

// True when the step was answered by what has been decided before.
bool conversation::from_memory(char code) {
    auto const& decided = session_decided_ ? session_decided_ : message_decided_;
    if (!decided) return false;
    send(code, body_answer(*decided));
    return true;
}

template <class Answer>
void conversation::settle(char code, Answer decided) {
    if (closed_) return;
    auto widened = std::visit([](auto& one) { return body_answer(std::move(one)); }, decided);
    bool const is_late = std::holds_alternative<later>(widened);
    if (is_late && (no_reply_of(code) & agreed_.steps).empty()) {
        pending_ = code;
        return;
    }
    if (is_late) widened = go_on{};
    decide(code, std::move(widened));
}

void conversation::decide(char code, body_answer decided) {
    if (!is_legal(code, decided)) decided = go_on{};
    remember(code, decided);
    send(code, decided);
}

// A decision at a step without a reply thereby holds for the next step that has one.
void conversation::remember(char code, body_answer const& decided) {
    if (std::holds_alternative<go_on>(decided) || code == wire::unknown::code || code == end) return;
    if (std::holds_alternative<skip>(decided))
        skipping_ = true;
    else if (code == wire::connect::code || code == wire::helo::code)
        session_decided_ = decided;
    else if (code != wire::rcpt::code || !is_refusal(decided))
        message_decided_ = decided;
}

void conversation::send(char code, body_answer const& decided) {
    if (code == end) {
        if (edits_) edits_->finish();
        edits_.reset();
        in_message_ = false;
        message_decided_.reset();
    }
    if (!(no_reply_of(code) & agreed_.steps).empty()) return;
    bool const cannot_skip = std::holds_alternative<skip>(decided) && !agreed_.steps.has(step::skip);
    wire::encode(out_, cannot_skip ? wire::reply(wire::decision{}) : std::visit(as_packet{}, decided));
}

void conversation::resume(body_answer decided) {
    if (pending_ == 0 || pending_ == wire::negotiate::code || busy_ || closed_) return;
    decide(std::exchange(pending_, '\0'), std::move(decided));
    go_through_queue();
}

void conversation::resume(wish wanted) {
    if (pending_ != wire::negotiate::code || busy_ || closed_) return;
    pending_ = 0;
    agree(std::move(wanted));
    go_through_queue();
}

void conversation::resume(refuse) {
    if (pending_ == wire::negotiate::code) hang_up();
}

void conversation::go_through_queue() {
    while (!queue_.empty() && pending_ == 0 && !closed_) {
        auto const next = std::move(queue_.front());
        queue_.pop_front();
        queued_ -= next.payload.size() + 1;
        process({next.code, next.payload});
    }
    flush_();
}

} // namespace milter::filter
