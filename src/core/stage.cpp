#include "core/stage.hpp"

#include "wire/command.hpp"

#include <array>
#include <cstddef>

namespace milter::core {

namespace {

using wire::step;
using wire::steps;

struct row {
    char code;
    steps opt_out;
    steps silence;
    std::optional<wire::macro_stage> macros;
    std::string_view next; // letters that a filter takes directly after this one (protocol 6.2)
};

constexpr steps none{};

constexpr std::array<row, stage_count> table{{
    {'O', none, none, {}, "CU"},
    {'C', step::no_connect, step::no_reply_connect, wire::macro_stage::connect, "HMU"},
    {'H', step::no_helo, step::no_reply_helo, wire::macro_stage::helo, "HMU"},
    {'M', step::no_mail, step::no_reply_mail, wire::macro_stage::mail, "RU"},
    {'R', step::no_rcpt, step::no_reply_rcpt, wire::macro_stage::rcpt, "RTLNBEU"},
    {'T', step::no_data, step::no_reply_data, wire::macro_stage::data, "LN"},
    {'U', step::no_unknown, step::no_reply_unknown, {}, "HMRTBU"},
    {'L', step::no_headers, step::no_reply_header, {}, "LN"},
    {'N', step::no_end_of_headers, step::no_reply_end_of_headers, wire::macro_stage::end_of_headers, "BE"},
    {'B', step::no_body, step::no_reply_body, {}, "BE"},
    {'E', none, none, wire::macro_stage::end_of_message, "MU"},
}};

// The stages in the order of time; a filter jumps over those that it opted out of.
constexpr std::string_view chronological = "OCHMRTLNBE";

row const& at(stage which) {
    return table.at(static_cast<std::size_t>(which));
}

bool takes(char last, char next, steps agreed) {
    auto const here = stage_of(last);
    if (!here) return false;
    if (at(*here).next.find(next) != std::string_view::npos) return true;
    // Jump: the next stage in time, if the filter does not want it, stands in for this one.
    auto const position = chronological.find(last);
    if (position == std::string_view::npos || position + 1 >= chronological.size()) return false;
    char const skipped = chronological[position + 1];
    auto const over = stage_of(skipped);
    return over && !at(*over).opt_out.empty() && agreed.has_all(at(*over).opt_out) &&
           takes(skipped, next, agreed);
}

} // namespace

char code_of(stage which) {
    return at(which).code;
}

std::optional<stage> stage_of(char code) {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (table[i].code == code) return static_cast<stage>(i);
    return {};
}

std::string_view name_of(stage which) {
    return wire::command_name(code_of(which));
}
wire::steps opt_out_of(stage which) {
    return at(which).opt_out;
}
wire::steps silence_of(stage which) {
    return at(which).silence;
}
std::optional<wire::macro_stage> macros_of(stage which) {
    return at(which).macros;
}

bool keeps_message(stage last, stage next, wire::steps agreed) {
    return takes(code_of(last), code_of(next), agreed);
}

bool may_follow(stage last, stage next, wire::steps agreed) {
    // Out of order means "from the state after helo" to a filter; a new message begins there too.
    return takes(code_of(last), code_of(next), agreed) || takes('H', code_of(next), agreed);
}

} // namespace milter::core
