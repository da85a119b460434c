#include "tools/test_client/client.hpp"

#include "tools/log.hpp"
#include "wire/reply.hpp"

#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace milter::tools::test_client {

namespace f = milter::filter;
using namespace std::string_view_literals;

namespace {

// A packet of a letter that nobody knows.
constexpr auto garbage = "\0\0\0\1Z"sv;

std::string address_of(wire::connect const& peer) {
    auto address = peer.address;
    if (address.starts_with("IPv6:")) address.remove_prefix(5); // protocol 4.1: Sendmail
    switch (peer.family) {
    case 'L':
        return fmt::format("unix:{}", address);
    case '4':
        return fmt::format("inet:{}@[{}]", peer.port, address);
    case '6':
        return fmt::format("inet6:{}@[{}]", peer.port, address);
    default:
        return "unknown";
    }
}

void note_left_out() {
    log_line(level::warning,
             "a change was left out: the MTA did not agree to it, or it has bytes that cannot be");
}

} // namespace

client::client(settings const& told, boost::asio::io_context& context, f::conversation& talk, totals& sum)
    : told_(told), talk_(talk), sum_of_all_(sum), number_(++sum.sessions), timer_(context),
      search_(told.body_patterns) {}

void client::report(std::string_view event, std::string_view line, members all) {
    ++sum_of_all_.stages[std::string(event)];
    if (!told_.report) return;
    auto const told = talk_.fresh_macros();
    bool const with_macros = event != "negotiate" && event != "abort" && event != "finished";
    if (told_.json)
        return say(json_line(number_, event, all, with_macros ? told : std::span<f::macro_value const>()));
    std::string text(line);
    if (with_macros && !told.empty()) {
        text += "\nmacros:";
        for (auto const& one : told)
            text += fmt::format("\n  {}={}", one.name, one.value);
    }
    say(text);
}

void client::note_macros(char step) {
    record_.macros(step, talk_.fresh_macros());
}

// True when the step gets no answer for now.
bool client::misbehaves(char step) {
    if (told_.closes.contains(step)) {
        talk_.hang_up();
        return true;
    }
    if (told_.garbage.contains(step)) talk_.send_raw(garbage);
    return told_.garbage.contains(step) || told_.hangs.contains(step);
}

template <class Answer>
Answer client::decide(char step, std::string_view text, f::body_answer usual) {
    auto answer = decided(step, text, std::move(usual));
    if (!std::holds_alternative<f::later>(answer)) {
        sum_of_all_.answered(answer);
        message_ = nullptr;
    }
    return std::visit(
        [](auto& one) -> Answer {
            if constexpr (std::is_constructible_v<Answer, decltype(one)>)
                return one;
            else
                return f::go_on{}; // settings and scripts refuse such rules
        },
        answer);
}

f::body_answer client::decided(char step, std::string_view text, f::body_answer usual) {
    if (auto const* const rule = told_.played.rule_for(step, text)) {
        rule_ = rule;
        deed_ = 0;
        usual_ = std::move(usual);
        return play(step);
    }
    if (misbehaves(step)) return f::later{};
    auto answer = answer_at(told_, step, text);
    return after_delay(step, std::holds_alternative<f::go_on>(answer) ? std::move(usual) : std::move(answer));
}

f::body_answer client::after_delay(char step, f::body_answer answer) {
    auto const delay = told_.delays.find(step);
    if (delay == told_.delays.end() || !talk_.waits_for(step)) return answer;
    timer_.expires_after(delay->second);
    timer_.async_wait([this, answer](boost::system::error_code ec) {
        if (ec) return;
        sum_of_all_.answered(answer);
        talk_.resume(answer);
    });
    return f::later{};
}

f::body_answer client::play(char step) {
    while (rule_ && deed_ < rule_->deeds.size()) {
        auto const& next = rule_->deeds[deed_++];
        if (auto const* const answer = std::get_if<f::body_answer>(&next)) return *answer;
        if (auto const* const edit = std::get_if<change>(&next)) {
            if (message_ && !(*edit)(*message_)) note_left_out();
        } else if (auto const* const raw = std::get_if<raw_bytes>(&next)) {
            talk_.send_raw(raw->bytes);
        } else if (std::holds_alternative<progress>(next)) {
            std::string packet;
            wire::encode(packet, wire::progress{});
            talk_.send_raw(packet);
        } else if (std::holds_alternative<hang_up>(next)) {
            talk_.hang_up();
            return f::later{};
        } else if (std::holds_alternative<hang>(next)) {
            return f::later{};
        } else if (step == wire::negotiate::code || talk_.waits_for(step)) {
            timer_.expires_after(std::get<wait_for>(next).time);
            timer_.async_wait([this, step](boost::system::error_code ec) {
                if (!ec) resume(step);
            });
            return f::later{};
        }
    }
    return usual_;
}

void client::resume(char step) {
    auto answer = play(step);
    if (std::holds_alternative<f::later>(answer)) return;
    message_ = nullptr;
    if (step == wire::negotiate::code) return talk_.resume(f::wish{told_.actions, told_.steps, told_.macros});
    sum_of_all_.answered(answer);
    talk_.resume(std::move(answer));
}

f::negotiate_answer client::on_negotiate(wire::negotiate const& offer) {
    record_.command(offer);
    auto const version = std::to_string(offer.version);
    auto const actions = wire::names(offer.actions);
    auto const steps = wire::names(offer.steps);
    report("negotiate",
           fmt::format("negotiate: version=<{}>, action=<{}>, step=<{}>", version, actions, steps),
           {{"version", version}, {"action", actions}, {"step", steps}});
    return negotiate();
}

f::negotiate_answer client::negotiate() {
    constexpr char step = wire::negotiate::code;
    f::wish const wanted{told_.actions, told_.steps, told_.macros};
    if (told_.played.rule_for(step, "")) {
        bool const late = std::holds_alternative<f::later>(decided(step, "", f::go_on{}));
        if (talk_.closed()) return f::refuse{};
        return late ? f::negotiate_answer(f::later{}) : wanted;
    }
    if (told_.closes.contains(step)) return f::refuse{};
    if (misbehaves(step)) return f::later{};
    auto const delay = told_.delays.find(step);
    if (delay == told_.delays.end()) return wanted;
    timer_.expires_after(delay->second);
    timer_.async_wait([this, wanted](boost::system::error_code ec) {
        if (!ec) talk_.resume(wanted);
    });
    return f::later{};
}

f::connect_answer client::on_connect(wire::connect const& peer) {
    note_macros(peer.code);
    record_.command(peer);
    auto const address = address_of(peer);
    report("connect", fmt::format("connect: host=<{}>, address=<{}>", peer.host, address),
           {{"host", peer.host}, {"address", address}});
    return decide<f::connect_answer>(peer.code, fmt::format("{} {}", peer.host, address));
}

f::connect_answer client::on_helo(wire::helo const& peer) {
    note_macros(peer.code);
    record_.command(peer);
    report("helo", fmt::format("helo: <{}>", peer.name), {{"name", peer.name}});
    return decide<f::connect_answer>(peer.code, peer.name);
}

f::answer client::on_mail(wire::mail const& sender) {
    begin_message();
    note_macros(sender.code);
    record_.command(sender);
    report("envelope-from", fmt::format("envelope-from: <{}>", sender.address),
           {{"address", sender.address}});
    return decide<f::answer>(sender.code, sender.address);
}

f::answer client::on_rcpt(wire::rcpt const& recipient) {
    note_macros(recipient.code);
    record_.command(recipient);
    report("envelope-recipient", fmt::format("envelope-recipient: <{}>", recipient.address),
           {{"address", recipient.address}});
    return decide<f::answer>(recipient.code, recipient.address);
}

f::unknown_answer client::on_unknown(wire::unknown const& command) {
    note_macros(command.code);
    record_.command(command);
    report("unknown", fmt::format("unknown: <{}>", command.line), {{"command", command.line}});
    return decide<f::unknown_answer>(command.code, command.line);
}

f::answer client::on_data() {
    note_macros(wire::data::code);
    record_.command(wire::data{});
    report("data", "data", {});
    return decide<f::answer>(wire::data::code, "");
}

f::answer client::on_header(wire::header const& field) {
    note_macros(field.code);
    record_.command(field);
    sum_of_all_.header_bytes += field.name.size() + field.value.size();
    auto const text = fmt::format("{}: {}", field.name, field.value);
    report("header", fmt::format("header: <{}>", text), {{"name", field.name}, {"value", field.value}});
    return decide<f::answer>(field.code, text);
}

f::answer client::on_end_of_headers() {
    note_macros(wire::end_of_headers::code);
    record_.command(wire::end_of_headers{});
    report("end-of-header", "end-of-header", {});
    return decide<f::answer>(wire::end_of_headers::code, "");
}

f::body_answer client::on_body(wire::body const& piece) {
    search_.take(piece.bytes);
    sum_.take(piece.bytes);
    sum_of_all_.body_bytes += piece.bytes.size();
    if (talk_.last_piece()) {
        last_piece_ = piece.bytes;
        return answer_at(told_, piece.code, piece.bytes);
    }
    note_macros(piece.code);
    record_.command(piece);
    report("body", fmt::format("body: <{}>", piece.bytes), {{"bytes", piece.bytes}});
    return decide<f::body_answer>(piece.code, piece.bytes);
}

f::answer client::on_end_of_message(f::edits& message) {
    constexpr char step = wire::end_of_message::code;
    note_macros(step);
    record_.command(wire::end_of_message{last_piece_});
    ++sum_of_all_.messages;
    if (last_piece_.empty())
        report("end-of-message", "end-of-message", {});
    else
        report("end-of-message", fmt::format("end-of-message: <{}>", last_piece_), {{"bytes", last_piece_}});
    if (told_.checksum) {
        auto const length = std::to_string(sum_.length);
        auto const fnv1a = fmt::format("{:016x}", sum_.fnv1a);
        say(told_.json ? json_line(number_, "body-checksum", {{"length", length}, {"fnv1a64", fnv1a}}, {})
                       : fmt::format("body-checksum: length={} fnv1a64={}", length, fnv1a));
    }
    edit(message);
    auto const usual = search_.found() ? f::body_answer(f::reject{}) : f::body_answer(f::go_on{});
    begin_message();
    message_ = &message;
    return decide<f::answer>(step, "", usual);
}

void client::edit(f::edits& message) const {
    bool all = true;
    for (auto const& [name, value] : told_.added_headers)
        all &= message.add_header(name, value);
    if (told_.new_sender) all &= message.change_sender(*told_.new_sender);
    for (auto const& one : told_.deleted_recipients)
        all &= message.delete_recipient(one);
    for (auto const& one : told_.added_recipients)
        all &= message.add_recipient(one);
    if (told_.new_body) all &= message.replace_body(*told_.new_body);
    if (told_.quarantine_reason) all &= message.quarantine(*told_.quarantine_reason);
    if (!all) note_left_out();
}

void client::begin_message() {
    search_.restart();
    sum_ = {};
    last_piece_.clear();
}

void client::on_abort() {
    begin_message();
    message_ = nullptr;
    timer_.cancel();
    ++sum_of_all_.aborts;
    record_.command(wire::abort{});
    report("abort", "abort", {});
}

void client::on_error(std::string_view what) {
    ++sum_of_all_.errors;
    log_line(level::error, fmt::format("ERROR: {}", what));
}

void client::on_quit() {
    timer_.cancel();
    message_ = nullptr;
    record_.command(wire::quit{});
    record_.write(number_);
    report("finished", "finished", {});
}

} // namespace milter::tools::test_client
