#include "wire/asking.hpp"

#include "wire/command.hpp"

#include <algorithm>
#include <array>

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

} // namespace milter::wire
