#include "load/mail_plan.hpp"

#include "load/sockets.hpp"
#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace milter::bench {

namespace {

constexpr std::size_t largest_piece = 65'535; // protocol 1

using pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;

std::string with_macros(char code, pairs macros, wire::command const& what) {
    std::string bytes, out;
    for (auto const& [name, value] : macros) {
        wire::append_string(bytes, name);
        wire::append_string(bytes, value);
    }
    if (!bytes.empty()) wire::encode(out, wire::macros{code, wire::strings(bytes)});
    wire::encode(out, what);
    return out;
}

std::string piece_of_text(std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += "The quick brown fox jumps over the lazy dog, and says so in sixty-odd bytes.\r\n";
    text.resize(size);
    return text;
}

} // namespace

mail_plan plan_of(std::size_t body) {
    using enum wire::step;
    mail_plan plan;
    wire::encode(plan.offer, wire::command(wire::negotiate{6, wire::all_actions, wire::all_steps}));
    wire::encode(plan.quit, wire::command(wire::quit{}));
    plan.steps = {
        {'C',
         with_macros('C',
                     {{"j", "mx.example.net"}, {"{daemon_name}", "mx.example.net"}, {"v", "Postfix 3.7.11"}},
                     wire::connect{"client.example.org", '4', 45678, "192.0.2.1"}),
         no_connect, no_reply_connect},
        {'H', with_macros('H', {}, wire::helo{"client.example.org"}), no_helo, no_reply_helo},
        {'M',
         with_macros('M',
                     {{"{mail_addr}", "sender@example.org"},
                      {"{mail_host}", "mail.example.org"},
                      {"{mail_mailer}", "smtp"}},
                     wire::mail{"<sender@example.org>", {}}),
         no_mail, no_reply_mail},
        {'R',
         with_macros('R',
                     {{"i", "4ZxQkT3BvTz9rxw"},
                      {"{rcpt_addr}", "rcpt@example.net"},
                      {"{rcpt_host}", "mx.example.net"},
                      {"{rcpt_mailer}", "local"}},
                     wire::rcpt{"<rcpt@example.net>", {}}),
         no_rcpt, no_reply_rcpt},
        {'T', with_macros('T', {{"i", "4ZxQkT3BvTz9rxw"}}, wire::data{}), no_data, no_reply_data},
    };
    for (auto const& [name, value] :
         pairs{{"Received", "from client.example.org (client.example.org [192.0.2.1])\n\tby mx.example.net"},
               {"From", "Sender <sender@example.org>"},
               {"To", "rcpt@example.net"},
               {"Subject", "Minutes of Monday's meeting"},
               {"Date", "Mon, 23 Nov 2026 09:00:00 +0000"},
               {"Message-ID", "<20261123090000.4711@client.example.org>"},
               {"MIME-Version", "1.0"},
               {"Content-Type", "text/plain; charset=utf-8"}})
        plan.steps.push_back(
            {'L', with_macros('L', {}, wire::header{name, value}), no_headers, no_reply_header});
    plan.steps.push_back({'N', with_macros('N', {{"i", "4ZxQkT3BvTz9rxw"}}, wire::end_of_headers{}),
                          no_end_of_headers, no_reply_end_of_headers});
    plan.body = piece_of_text(std::min(body, largest_piece));
    for (std::size_t left = body; left > 0;) {
        auto const size = std::min(left, largest_piece);
        step one{'B', {}, no_body, no_reply_body, size};
        wire::append_frame_head(one.bytes, 'B', size);
        plan.steps.push_back(std::move(one));
        left -= size;
    }
    plan.steps.push_back({'E', with_macros('E', {{"i", "4ZxQkT3BvTz9rxw"}}, wire::end_of_message{})});
    return plan;
}

wire::steps steps_of(std::string_view payload) {
    auto const reply = wire::decode_reply({'O', payload});
    auto const* const agreed = reply ? std::get_if<wire::negotiated>(&*reply) : nullptr;
    if (!agreed) give_up("what answers is no milter");
    return agreed->steps;
}

} // namespace milter::bench
