// What a milter can say about a step, as types: a step's own type has only the answers that the protocol
// allows there, so an illegal one does not compile. All texts are bytes without a charset.
#pragma once

#include <milter/api.hpp>
#include <milter/flags.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace milter {
inline namespace v3 {

struct go_on {};     // let the step pass; at the end of the message: deliver it
struct accept {};    // no more questions: of this message; at connect and helo of this session
struct reject {};    // refuse for good, in the MTA's words
struct temp_fail {}; // refuse for now, in the MTA's words
struct discard {};   // take the message and drop it silently
struct skip {};      // no more body of this message
struct later {};     // the answer comes by handler::defer(); for steps without an answer it is go_on

// A refusal in the milter's own words; always a reply that every MTA takes.
class MILTERXX_API smtp_reply {
public:
    // code: 400 to 599, any other becomes 451. enhanced: "" or like "5.7.1" and of the code's class, else it
    // is left out. text: one line; characters that no reply may hold become '?', it is cut at 980 bytes.
    smtp_reply(unsigned code, std::string_view enhanced, std::string_view text);
    // A whole reply, also of several lines with CRLF between them ("550-5.7.1 no\r\n550 5.7.1 really"; % is
    // doubled). Nothing when an MTA would refuse it.
    static std::optional<smtp_reply> parse(std::string_view whole);

    unsigned code() const { return code_; }
    std::string const& text() const { return text_; } // whole, with the code

private:
    smtp_reply() = default;
    unsigned code_ = 451;
    std::string text_;
};

using connect_answer = std::variant<go_on, accept, reject, temp_fail, smtp_reply, later>;
using unknown_answer = std::variant<go_on, reject, temp_fail, smtp_reply, later>;
using answer = std::variant<go_on, accept, reject, temp_fail, discard, smtp_reply, later>;
using body_answer = std::variant<go_on, accept, reject, temp_fail, discard, smtp_reply, later, skip>;

// What an MTA offers, and what was agreed on with it.
struct agreement {
    std::uint32_t version = 0; // of the protocol, 2 to 6
    milter::actions actions;
    milter::steps steps;
};

// What the milter needs. Only what the MTA offers becomes the agreement.
struct wish {
    milter::actions actions = all_actions;
    milter::steps steps = step::skip;
    // Instead of the MTA's own choice of macros at a stage: names separated by blanks, "i {auth_authen}".
    std::vector<std::pair<macro_stage, std::string>> macros = {};
};
struct refuse {}; // do not talk to this MTA: the connection is closed
using negotiate_answer = std::variant<wish, refuse>;

} // namespace v3
} // namespace milter
