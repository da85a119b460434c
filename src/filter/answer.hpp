// What a filter can say about a step, as types: a step's own type has only the answers that are legal there
// (protocol 7, 8), so an illegal one does not compile.
#pragma once

#include "wire/smtp_reply.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "wire/options.hpp"

namespace milter::filter {

struct go_on {};     // let the step pass; at the end of the message: deliver it
struct accept {};    // no more questions: of this message, at connect and helo of this session
struct reject {};    // refuse for good, in the MTA's words
struct temp_fail {}; // refuse for now, in the MTA's words
struct discard {};   // take the message and drop it silently
struct skip {};      // no more body of this message
struct later {};     // the filter calls conversation::resume(); for steps without an answer it is go_on

// Refuse in the filter's own words.
inline wire::smtp_reply reply(wire::smtp_reply text) {
    return text;
}

using connect_answer = std::variant<go_on, accept, reject, temp_fail, wire::smtp_reply, later>;
using unknown_answer = std::variant<go_on, reject, temp_fail, wire::smtp_reply, later>;
using answer = std::variant<go_on, accept, reject, temp_fail, discard, wire::smtp_reply, later>;
using body_answer = std::variant<go_on, accept, reject, temp_fail, discard, wire::smtp_reply, later, skip>;

// The filter's side of the negotiation: what it needs. Only what the MTA offers becomes the agreement.
struct wish {
    wire::actions actions; // what it may change
    wire::steps steps;     // what it does not want to hear of or to answer
    // Instead of the MTA's own choice of macros at a stage: names separated by blanks.
    std::vector<std::pair<wire::macro_stage, std::string>> macros;
};
struct refuse {}; // do not talk to this MTA: the connection is closed
using negotiate_answer = std::variant<wish, refuse, later>;

// What was agreed on with the MTA.
struct agreement {
    std::uint32_t version = 0;
    wire::actions actions;
    wire::steps steps;
};

} // namespace milter::filter
