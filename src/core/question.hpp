// What is asked of a Ruby worker about one event of a session, for all children that it concerns at once, and
// what it answers. Owned values: the answer may come late.
#pragma once

#include "core/condition.hpp"
#include "core/facts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace milter::core {

using child_index = std::uint32_t; // position in policy::children
using body_id = std::uint32_t;     // one kept body of a session; never reused

// A piece of a kept body.
struct body_piece {
    body_id body = 0;
    std::uint64_t offset = 0; // bytes
    std::size_t size = 0;
};

struct question {
    struct item {
        child_index child = 0;
        std::uint32_t question = 0; // of policy::questions
        macro_values own_macros;    // set by conditions of this child so far
    };
    struct state {
        std::string name;
        std::string said; // result so far: one of the words of core::child_said, or ""
        bool quitted = false;
    };

    std::uint32_t id = 0; // of the session
    std::vector<item> items;
    stage at = stage::connect;
    core::client client;
    std::string helo;
    std::string sender;
    std::string recipient; // the one at hand
    std::string header_name;
    std::string header_value;
    std::optional<body_piece> body; // at hand
    std::uint64_t sessions = 0;
    macro_values macros; // of the MTA; a later stage's value wins
    std::vector<state> children;
    bool earlier_answered = false; // the states of the children before the asked one are final for this event
};

struct block_answer {
    child_index child = 0;
    std::uint32_t question = 0;
    truth says = truth::failed;
    // It looked at other children's results before they were final: to be asked again then.
    bool wants_results = false;
    macro_values macros; // that it set for this child
};

} // namespace milter::core
