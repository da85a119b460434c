#include "tools/test_client/client.hpp"

#include "wire/command.hpp"

#include <cstdio>
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

} // namespace

client::client(settings const& told, boost::asio::io_context& context, f::conversation& talk)
    : told_(told), talk_(talk), timer_(context), search_(told.body_patterns) {}

void client::print(std::string_view line) const {
    if (!told_.report) return;
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout); // who reads a pipe waits for it
}

void client::print_with_macros(std::string_view line) const {
    std::string text(line);
    auto const told = talk_.fresh_macros();
    if (!told.empty()) text += "\nmacros:";
    for (auto const& one : told)
        text += fmt::format("\n  {}={}", one.name, one.value);
    print(text);
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
    if (misbehaves(step)) return f::later{};
    auto answer = answer_at(told_, step, text);
    if (std::holds_alternative<f::go_on>(answer)) answer = std::move(usual);
    auto const delay = told_.delays.find(step);
    if (delay != told_.delays.end() && talk_.waits_for(step)) {
        timer_.expires_after(delay->second);
        timer_.async_wait([this, answer](boost::system::error_code ec) {
            if (!ec) talk_.resume(answer);
        });
        return f::later{};
    }
    return std::visit(
        [](auto& one) -> Answer {
            if constexpr (std::is_constructible_v<Answer, decltype(one)>)
                return one;
            else
                return f::go_on{}; // settings refuse such rules
        },
        answer);
}

f::negotiate_answer client::on_negotiate(wire::negotiate const& offer) {
    print(fmt::format("negotiate: version=<{}>, action=<{}>, step=<{}>", offer.version,
                      wire::names(offer.actions), wire::names(offer.steps)));
    if (told_.closes.contains(wire::negotiate::code)) return f::refuse{};
    if (misbehaves(wire::negotiate::code)) return f::later{};
    f::wish const wanted{told_.actions, told_.steps, {}};
    auto const delay = told_.delays.find(wire::negotiate::code);
    if (delay == told_.delays.end()) return wanted;
    timer_.expires_after(delay->second);
    timer_.async_wait([this, wanted](boost::system::error_code ec) {
        if (!ec) talk_.resume(wanted);
    });
    return f::later{};
}

f::connect_answer client::on_connect(wire::connect const& peer) {
    auto const address = address_of(peer);
    print_with_macros(fmt::format("connect: host=<{}>, address=<{}>", peer.host, address));
    return decide<f::connect_answer>(peer.code, fmt::format("{} {}", peer.host, address));
}

f::connect_answer client::on_helo(wire::helo const& peer) {
    print_with_macros(fmt::format("helo: <{}>", peer.name));
    return decide<f::connect_answer>(peer.code, peer.name);
}

f::answer client::on_mail(wire::mail const& sender) {
    begin_message();
    print_with_macros(fmt::format("envelope-from: <{}>", sender.address));
    return decide<f::answer>(sender.code, sender.address);
}

f::answer client::on_rcpt(wire::rcpt const& recipient) {
    print_with_macros(fmt::format("envelope-recipient: <{}>", recipient.address));
    return decide<f::answer>(recipient.code, recipient.address);
}

f::unknown_answer client::on_unknown(wire::unknown const& command) {
    print_with_macros(fmt::format("unknown: <{}>", command.line));
    return decide<f::unknown_answer>(command.code, command.line);
}

f::answer client::on_data() {
    print_with_macros("data");
    return decide<f::answer>(wire::data::code, "");
}

f::answer client::on_header(wire::header const& field) {
    auto const text = fmt::format("{}: {}", field.name, field.value);
    print_with_macros(fmt::format("header: <{}>", text));
    return decide<f::answer>(field.code, text);
}

f::answer client::on_end_of_headers() {
    print_with_macros("end-of-header");
    return decide<f::answer>(wire::end_of_headers::code, "");
}

f::body_answer client::on_body(wire::body const& piece) {
    search_.take(piece.bytes);
    sum_.take(piece.bytes);
    if (talk_.last_piece()) {
        last_piece_ = piece.bytes;
        return answer_at(told_, piece.code, piece.bytes);
    }
    print_with_macros(fmt::format("body: <{}>", piece.bytes));
    return decide<f::body_answer>(piece.code, piece.bytes);
}

f::answer client::on_end_of_message(f::edits& message) {
    print_with_macros(last_piece_.empty() ? "end-of-message"
                                          : fmt::format("end-of-message: <{}>", last_piece_));
    if (told_.checksum) {
        fmt::print("body-checksum: length={} fnv1a64={:016x}\n", sum_.length, sum_.fnv1a);
        std::fflush(stdout);
    }
    edit(message);
    auto const usual = search_.found() ? f::body_answer(f::reject{}) : f::body_answer(f::go_on{});
    begin_message();
    return decide<f::answer>(wire::end_of_message::code, "", usual);
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
    if (!all)
        fmt::print(stderr,
                   "a change was left out: the MTA did not agree to it, or it has bytes that cannot be\n");
}

void client::begin_message() {
    search_.restart();
    sum_ = {};
    last_piece_.clear();
}

void client::on_abort() {
    begin_message();
    print("abort");
}

void client::on_error(std::string_view what) {
    fmt::print(stderr, "ERROR: {}\n", what);
}

void client::on_quit() {
    timer_.cancel();
    print("finished");
}

} // namespace milter::tools::test_client
