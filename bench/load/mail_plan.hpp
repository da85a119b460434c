// One session of an MTA as bytes that are made once: what is said at each step, and which answer it waits
// for. As Postfix says it (macros before each command, one write until an answer is due) or as Sendmail does
// (a write for each packet). One recipient, eight headers, a body of any size.
#pragma once

#include "wire/options.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace milter::bench {

struct step {
    char code;               // of the command
    std::string bytes;       // with its macros; of a B only the head: the body follows
    wire::step unwanted{};   // when agreed on, it is not said
    wire::step unanswered{}; // when agreed on, no answer is waited for
    std::size_t body = 0;    // bytes that follow
};

struct mail_plan {
    std::string offer;
    std::vector<step> steps; // from connect to the end of the message
    std::string quit;
    std::string body; // one piece; all pieces are the same bytes
};

// body: bytes.
mail_plan plan_of(std::size_t body);

// What was agreed on in the payload of an O.
wire::steps steps_of(std::string_view payload);

} // namespace milter::bench
