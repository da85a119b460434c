#include "wire/asking.hpp"

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace milter::wire {

namespace {

struct row {
    char code;
    steps not_wanted;
    steps not_answered;
};

constexpr std::array rows = std::to_array<row>({
    {connect::code, step::no_connect, step::no_reply_connect},
    {helo::code, step::no_helo, step::no_reply_helo},
    {mail::code, step::no_mail, step::no_reply_mail},
    {rcpt::code, step::no_rcpt, step::no_reply_rcpt},
    {unknown::code, step::no_unknown, step::no_reply_unknown},
    {data::code, step::no_data, step::no_reply_data},
    {header::code, step::no_headers, step::no_reply_header},
    {end_of_headers::code, step::no_end_of_headers, step::no_reply_end_of_headers},
    {body::code, step::no_body, step::no_reply_body},
});

} // namespace

bool is_wanted(steps agreed, char code) {
    auto const found = std::ranges::find(rows, code, &row::code);
    return found == rows.end() || (agreed & found->not_wanted).empty();
}

bool is_answered(steps agreed, char code) {
    auto const found = std::ranges::find(rows, code, &row::code);
    return found == rows.end() ? wants_reply(code) : (agreed & found->not_answered).empty();
}

std::optional<action> needed_for(char code) {
    static constexpr std::array table = std::to_array<std::pair<char, action>>({
        {add_header::code, action::add_headers},
        {insert_header::code, action::add_headers},
        {change_header::code, action::change_headers},
        {replace_body::code, action::change_body},
        {add_recipient::code, action::add_recipient},
        {add_recipient_with_args::code, action::add_recipient_with_args},
        {delete_recipient::code, action::delete_recipient},
        {change_sender::code, action::change_sender},
        {quarantine::code, action::quarantine},
    });
    auto const found = std::ranges::find(table, code, &std::pair<char, action>::first);
    return found == table.end() ? std::nullopt : std::optional(found->second);
}

} // namespace milter::wire
