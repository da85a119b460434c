#include "tools/test_server/plan.hpp"

#include <algorithm>

namespace milter::tools::test_server {

using wire::step;

plan::plan(settings const& told, agreement agreed) : told_(told), agreed_(std::move(agreed)) {
    auto const& mail = told_.mail;
    bool const has_unknown = told_.unknown_command && agreed_.version >= 3;
    add(wire::connect::code, 1, step::no_connect, step::no_reply_connect);
    add(wire::helo::code, 1, step::no_helo, step::no_reply_helo);
    add(wire::mail::code, 1, step::no_mail, step::no_reply_mail);
    add(wire::rcpt::code, mail.recipients.size(), step::no_rcpt, step::no_reply_rcpt);
    add(wire::unknown::code, has_unknown ? 1 : 0, step::no_unknown, step::no_reply_unknown);
    add(wire::data::code, agreed_.version >= 4 ? 1 : 0, step::no_data, step::no_reply_data);
    add(wire::header::code, mail.original_headers.size(), step::no_headers, step::no_reply_header);
    add(wire::end_of_headers::code, 1, step::no_end_of_headers, step::no_reply_end_of_headers);
    add(wire::body::code, mail.body.size(), step::no_body, step::no_reply_body);
    add(wire::end_of_message::code, 1, {}, {});
}

void plan::add(char code, std::size_t count, wire::steps not_wanted, wire::steps not_answered) {
    if (!(agreed_.steps & not_wanted).empty()) return;
    for (std::size_t index = 0; index < count; ++index)
        steps_.push_back({code, index, (agreed_.steps & not_answered).empty()});
}

void plan::leave_out(char code) {
    while (!at_end() && steps_[at_].code == code)
        ++at_;
}

void plan::encode_macros(std::string& out, planned const& step) const {
    auto const own = told_.macros.find(step.code);
    auto const asked = agreed_.macro_lists.find(step.code);
    std::string pairs;
    auto const append = [&](macro const& one) {
        auto const& value = one.value ? *one.value : told_.mail.recipients[step.index].address;
        auto const shown =
            one.value ? std::string_view(value) : std::string_view(value).substr(1, value.size() - 2);
        wire::append_string(pairs, one.name.size() > 1 ? "{" + one.name + "}" : one.name);
        wire::append_string(pairs, shown);
    };
    if (asked == agreed_.macro_lists.end()) {
        if (own == told_.macros.end()) return;
        for (auto const& one : own->second)
            append(one);
    } else {
        // protocol 3.6: its own list instead; values of other stages are known, too.
        for (auto const& name : asked->second) {
            auto const named = [&](auto const& set) {
                return std::ranges::find(set.second, name, &macro::name);
            };
            auto set = own != told_.macros.end() && named(*own) != own->second.end()
                           ? own
                           : std::ranges::find_if(told_.macros, [&](auto const& any) {
                                 return named(any) != any.second.end();
                             });
            if (set == told_.macros.end()) continue;
            auto const& one = *named(*set);
            if (one.value || step.code == wire::rcpt::code) append(one);
        }
    }
    if (!pairs.empty()) wire::encode(out, wire::macros{step.code, wire::strings(pairs)});
}

void plan::encode(std::string& out, planned const& step) const {
    encode_macros(out, step);
    auto const& mail = told_.mail;
    switch (step.code) {
    case wire::connect::code:
        wire::encode(out,
                     wire::connect{told_.host, told_.client.family, told_.client.port, told_.client.address});
        break;
    case wire::helo::code:
        wire::encode(out, wire::helo{told_.helo});
        break;
    case wire::mail::code:
        wire::encode(out, wire::mail{mail.sender, {}});
        break;
    case wire::rcpt::code:
        wire::encode(out, wire::rcpt{mail.recipients[step.index].address, {}});
        break;
    case wire::unknown::code:
        wire::encode(out, wire::unknown{*told_.unknown_command});
        break;
    case wire::data::code:
        wire::encode(out, wire::data{});
        break;
    case wire::header::code: {
        auto const& field = mail.original_headers[step.index];
        auto const value = (agreed_.steps.has(step::leading_space) ? " " : "") + field.value;
        wire::encode(out, wire::header{field.name, value});
        break;
    }
    case wire::end_of_headers::code:
        wire::encode(out, wire::end_of_headers{});
        break;
    case wire::body::code:
        wire::encode(out, wire::body{mail.body[step.index]});
        break;
    default:
        wire::encode(out, wire::end_of_message{});
    }
}

} // namespace milter::tools::test_server
