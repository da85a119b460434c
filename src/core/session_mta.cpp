// What the MTA says.
#include "core/session.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace milter::core {

namespace {

// What an MTA may say while it should wait for an answer (chain P49).
constexpr std::size_t most_held_packets = 256;
constexpr std::size_t most_held_bytes = 1024 * 1024;

// What the client announced with its sender (RFC 1870); 0 when it did not.
std::uint64_t announced_size(wire::strings arguments) {
    constexpr std::string_view name = "SIZE=";
    std::uint64_t size = 0;
    while (auto const one = arguments.next()) {
        if (!lower_case(*one).starts_with(lower_case(name))) continue;
        auto const digits = one->substr(name.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), size);
    }
    return size;
}

} // namespace

void session::on(from_mta const& said) {
    if (mta_gone_) return;
    auto const& packet = said.packet;
    await_mta(shared_.rules.idle_timeout);
    // These overtake whatever is pending (chain P49).
    using std::string_view_literals::operator""sv;
    if (waiting() && negotiated_ && "AQK"sv.find(packet.code) != std::string_view::npos) {
        held_.clear();
        held_bytes_ = 0;
        abandon_command();
        return from_mta_now(packet);
    }
    if (body_pending_) answer_body(); // it does not wait for what we need not say
    if (!waiting() && held_.empty()) return from_mta_now(packet);
    hold_back(packet);
}

void session::hold_back(wire::frame const& packet) {
    held_.push_back({packet.code, std::string(packet.payload)});
    held_bytes_ += packet.payload.size();
    if (held_.size() > most_held_packets || held_bytes_ > most_held_bytes)
        refuse_mta("it does not wait for answers");
}

void session::from_mta_now(wire::frame packet) {
    auto const command = wire::decode_command(packet);
    if (!command) return repair_and_take(packet, command.error());
    take(*command, packet);
}

// A string without its NUL is mended; anything else that a filter would choke on is not passed on (chain
// P23).
void session::repair_and_take(wire::frame const& packet, wire::error why) {
    std::string mended(packet.payload);
    mended += '\0';
    wire::frame const whole{packet.code, mended};
    if (auto const command = wire::decode_command(whole); command && why == wire::error::missing_nul) {
        shared_.note({}, stage_of(packet.code).value_or(stage::negotiate),
                     "the MTA's packet lacks its NUL; mended");
        return take(*command, whole);
    }
    auto const at = stage_of(packet.code);
    if (!negotiated_ || !at || *at == stage::negotiate)
        return refuse_mta("it does not speak the milter protocol: " + std::string(wire::describe(why)));
    shared_.note({}, *at,
                 "the MTA's packet is broken: " + std::string(wire::describe(why)) + "; temporary failure");
    shared_.heard(*at);
    shared_.answer(*at, verdict::of(verdict::kind::temp_fail));
}

void session::take(wire::command const& what, wire::frame const& packet) {
    if (auto const* const offer = std::get_if<wire::negotiate>(&what)) return take(*offer);
    if (std::holds_alternative<wire::quit>(what)) {
        pass_on_unused_macros();
        return end_session(true);
    }
    if (!negotiated_) return refuse_mta("it does not begin with an offer");
    if (auto const* const pairs = std::get_if<wire::macros>(&what)) return take(*pairs);
    if (unused_macros_ == stage_of(packet.code)) unused_macros_.reset(); // its command
    if (!refused_) pass_on_unused_macros();
    if (std::holds_alternative<wire::quit_new_connection>(what)) return begin_again();
    if (std::holds_alternative<wire::abort>(what)) {
        if (shared_.mail && !shared_.mail->complete) abort_message();
        return;
    }
    auto const at = *stage_of(packet.code);
    shared_.heard(at);
    if (refused_) return shared_.answer(at, *refused_);
    if (auto const why = out_of_order(at); !why.empty()) {
        shared_.note({}, at, std::string(why) + "; temporary failure");
        return shared_.answer(at, verdict::of(verdict::kind::temp_fail));
    }
    take_command(what, packet);
}

// What would put a filter out of step is not passed on (protocol 6.2); "" when the command fits.
std::string_view session::out_of_order(stage at) const {
    auto const* const mail = shared_.mail && !shared_.mail->complete ? shared_.mail.get() : nullptr;
    bool const connected = !shared_.connect.empty();
    if (at == stage::connect) return connected ? "a second connect" : "";
    if (!connected) return "it came before connect";
    if (at == stage::helo || at == stage::mail || at == stage::unknown) return "";
    if (shared_.agreed.steps.has(wire::step::no_mail)) return ""; // nobody listens
    if (!mail) return "it came without a sender";
    if (mail->decided) return "";
    if (mail->in_content && (at == stage::rcpt || at == stage::data)) return "it came inside the content";
    if (at == stage::rcpt) return mail->data_told ? "it came behind data" : "";
    if (mail->recipients == 0) return "it came without a recipient";
    if (at == stage::data) return "";
    if (mail->unknown_told && !mail->data_told)
        return "it came without data"; // an unknown command took its place
    return at == stage::header && mail->headers_over ? "it came behind the end of the headers" : "";
}

void session::take(wire::negotiate const& offer) {
    if (offered_) return refuse_mta("a second offer");
    if (offer.version < 2) return refuse_mta("it offers protocol version " + std::to_string(offer.version));
    offered_ = true;
    shared_.heard(stage::negotiate);
    shared_.offer = offer;
    shared_.children.offered(offer);
    shared_.when.out->add(arm{{deadline::kind::negotiation}, shared_.rules.negotiation_timeout});
    connect_children();
}

// A child with a condition on the client is connected when that is known to hold (chain P57, P58).
void session::connect_children() {
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (!conditions_.connects_late(i)) shared_.children.connect(i);
}

// What the children need, as far as they have said so: now, or else last time (chain P3).
std::vector<prospect> session::prospects() const {
    auto all = shared_.children.prospects();
    for (auto& one : all) {
        if (one.agreed || !known_ || one.child >= known_->size()) continue;
        auto const& before = (*known_)[one.child];
        if (before && before->offer == shared_.offer) one.agreed = &before->agreed;
    }
    return all;
}

void session::take(wire::macros const& pairs) {
    pass_on_unused_macros();
    shared_.children.macros.store(pairs);
    auto const at = stage_of(pairs.for_command);
    bool const of_envelope = at == stage::mail || at == stage::rcpt || at == stage::data;
    if (of_envelope) unused_macros_ = at;
}

// Macros that were not followed by their command (a recipient that sendmail refused, a command that nobody
// wants) still go to those who natively get them, before the next packet (chain P21a).
void session::pass_on_unused_macros() {
    if (!unused_macros_) return;
    auto const at = *std::exchange(unused_macros_, std::nullopt);
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (shared_.children.at(i).ready() && !(shared_.part(i) && shared_.part(i)->done))
            shared_.children.tell_macros(i, at);
    shared_.children.macros.used(at);
}

void session::take_command(wire::command const& what, wire::frame const& packet) {
    auto const at = *stage_of(packet.code);
    last_command_ = at;
    switch (at) {
    case stage::connect:
        return take_connect(std::get<wire::connect>(what), packet);
    case stage::helo:
        return take_helo(std::get<wire::helo>(what), packet);
    case stage::mail:
        return take_mail(std::get<wire::mail>(what), packet);
    case stage::rcpt:
        return take_message_command(at, std::get<wire::rcpt>(what).address, packet);
    case stage::data:
        return take_message_command(at, {}, packet);
    case stage::unknown:
        return ask({at, packet.payload});
    default:
        return take_content(at, what);
    }
}

void session::recognise_mta(wire::connect const& what) {
    auto const& macros = shared_.children.macros;
    if (macros.value(stage::connect, "v").starts_with("Postfix"))
        shared_.profile = mta_kind::postfix;
    else if ((what.family == '6' && what.address.starts_with("IPv6:")) ||
             !macros.value(stage::connect, "if_addr").empty())
        shared_.profile = mta_kind::sendmail;
    else
        shared_.profile = mta_kind::generic;
}

void session::take_connect(wire::connect const& what, wire::frame const& packet) {
    if (shared_.rules.mta == mta_kind::automatic) recognise_mta(what);
    shared_.connect = packet.payload;
    shared_.client = {std::string(what.host), what.family, std::string(what.address), what.port,
                      parse_address(what.address)};
    watch_client();
    ask({stage::connect, packet.payload});
}

void session::take_helo(wire::helo const& what, wire::frame const& packet) {
    if (shared_.mail) abort_message(); // before the helo, as sendmail does (chain P24)
    shared_.helo = packet.payload;
    shared_.helo_name = what.name;
    shared_.children.macros.begin(stage::helo);
    ask({stage::helo, packet.payload});
}

void session::take_mail(wire::mail const& what, wire::frame const& packet) {
    if (shared_.mail) abort_message();
    auto& mail = shared_.need_mail();
    mail.sender = what.address;
    mail.queue_id = shared_.children.macros.value(stage::mail, "i");
    retry_failed();
    envelope::command asked{stage::mail, packet.payload};
    asked.size = announced_size(what.arguments);
    ask(std::move(asked));
}

// One new try at each message for a child that has failed (chain P51).
void session::retry_failed() {
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        auto const& one = shared_.children.at(i);
        if (one.link != child::link::failed || !one.rules->retry_next_message) continue;
        shared_.children.connect(i);
    }
}

void session::take_message_command(stage at, std::string_view recipient, wire::frame const& packet) {
    auto const* const mail = &shared_.need_mail();
    auto const& macros = shared_.children.macros;
    if (macros.fresh(at))
        if (auto const id = macros.value(at, "i"); !id.empty()) shared_.mail->queue_id = id;
    if (mail->decided) return shared_.answer(at, *mail->decided); // from memory (chain P18, P19)
    if (at == stage::data && mail->data_told)
        return shared_.answer(at, {}); // the MTA itself refused the first one
    bool const refused = at == stage::rcpt && shared_.agreed.steps.has(wire::step::rejected_recipients) &&
                         macros.fresh(at) && macros.value(at, "rcpt_mailer") == "error";
    if (at == stage::rcpt &&
        mail->recipients + mail->refused_recipients >= shared_.rules.limits.max_recipients)
        return refuse_mta("more recipients than max_recipients allows");
    if (at == stage::data) shared_.mail->data_told = true;
    envelope::command asked{at, packet.payload, refused};
    asked.recipient = recipient;
    ask(std::move(asked));
}

void session::ask(envelope::command what) {
    what.number = ++commands_;
    asked_.emplace(shared_, conditions_, std::move(what));
    shared_.when.out->add(arm{{deadline::kind::command}, shared_.command_timeout()});
    if (shared_.profile == mta_kind::postfix)
        shared_.when.out->add(arm{{deadline::kind::progress}, shared_.rules.progress_interval});
}

bool session::too_much(wire::header const& field) {
    auto const& most = shared_.rules.limits;
    auto const& headers = shared_.mail->headers;
    std::size_t const size = field.name.size() + field.value.size();
    if (size > most.max_header_size)
        refuse_mta("a header longer than max_header_size allows");
    else if (headers.size() >= most.max_headers)
        refuse_mta("more headers than max_headers allows");
    else if (headers.held() + size > most.max_header_total)
        refuse_mta("headers of more than " + std::to_string(most.max_header_total) + " bytes");
    else
        return false;
    return true;
}

void session::take_content(stage at, wire::command const& what) {
    if (shared_.mail && shared_.mail->complete) abort_message();
    auto& mail = shared_.need_mail();
    if (mail.queue_id.empty()) mail.queue_id = shared_.children.macros.value(at, "i");
    if (auto const* const field = std::get_if<wire::header>(&what)) {
        if (too_much(*field)) return;
        content_.header(*field);
        return shared_.answer(at, {});
    }
    if (at == stage::end_of_headers) {
        content_.end_of_headers();
        return shared_.answer(at, {});
    }
    if (auto const* const piece = std::get_if<wire::body>(&what)) {
        content_.body(piece->bytes);
        body_pending_ = true;
    }
    if (auto const* const end = std::get_if<wire::end_of_message>(&what)) {
        content_.end_of_message(end->bytes);
        end_pending_ = true;
        shared_.when.out->add(arm{{deadline::kind::end_of_message}, shared_.rules.end_of_message_timeout});
        shared_.when.out->add(arm{{deadline::kind::progress}, shared_.rules.progress_interval});
    }
    auto const most = shared_.rules.limits.max_message_size;
    if (most > 0 && mail.received > most) refuse_mta("a message longer than max_message_size allows");
}

void session::abandon_command() {
    conditions_.forget();
    if (asked_) {
        for (child_index i = 0; i < shared_.children.size(); ++i)
            if (asked_->waits_for(i)) shared_.children.overtake(i);
        shared_.when.out->add(disarm{{deadline::kind::command}});
        shared_.children.macros.used(asked_->at());
        asked_.reset();
    }
    if (body_held_up_) shared_.when.out->add(disarm{{deadline::kind::body}});
    if (end_pending_) {
        shared_.when.out->add(disarm{{deadline::kind::end_of_message}});
        shared_.children.macros.used(stage::end_of_message);
    }
    shared_.when.out->add(disarm{{deadline::kind::progress}});
    end_pending_ = body_pending_ = body_held_up_ = replaying_ = false;
    if (refused_late_) refuse_session_late();
}

void session::abort_message() {
    conditions_.forget();
    bool const had_verdict = shared_.mail->complete || shared_.mail->decided;
    shared_.dismiss(false);
    shared_.report(!had_verdict);
    shared_.drop_mail();
}

// K: the session is over, another begins on the same connection with the same agreement (chain P47).
void session::begin_again() {
    if (shared_.mail) abort_message();
    forget_client();
    note_end();
    began_ = shared_.when.now;
    shared_.last_heard.reset();
    shared_.last_told = name_of(verdict{});
    for (child_index i = 0; i < shared_.children.size(); ++i) {
        shared_.children.quit(i);
        shared_.children.begin_again(i);
    }
    connect_children();
    shared_.children.macros.forget_all();
    shared_.connect.clear();
    shared_.helo.clear();
    refused_.reset();
    shared_.when.out->add(arm{{deadline::kind::negotiation}, shared_.rules.negotiation_timeout});
}

void session::refuse_mta(std::string why) {
    if (mta_gone_) return;
    shared_.last_told = "error";
    shared_.when.out->add(session_refused{std::move(why), std::string(shared_.queue_id())});
    end_session(false);
}

} // namespace milter::core
