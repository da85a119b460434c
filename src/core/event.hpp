// What can happen to a session: plain values, told by whoever runs it. Views are valid during handle() and
// while its actions are performed; nothing here keeps them longer.
#pragma once

#include "core/question.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace milter::core {

// How a child was lost; the words are in docs/manual/operating.md.
enum class failure {
    no_connection, // connecting failed
    closed,        // it closed between two packets
    cut,           // it closed inside a packet
    reset,         // an error of the socket
    garbage,       // no milter protocol
    protocol,      // a packet that must not come there
    late,          // no answer in time
    stuck,         // does not read in time
    limit,         // made us hold too much
};
std::string_view describe(failure why);
std::string_view word_of(failure why); // the same in one word, for metrics
inline constexpr std::size_t failure_count = 9;

// What a deadline is about: mta, the MTA's next packet; `child` counts for connecting and reply only.
struct deadline {
    enum class kind : std::uint8_t {
        mta,
        negotiation,
        command,
        end_of_message,
        progress,
        connecting,
        reply,
        question,
        client,
        body // of waiting before the MTA is asked for more of it
    };
    deadline::kind what = deadline::kind::command;
    child_index child = 0;
    friend bool operator==(deadline const&, deadline const&) = default;
};

struct mta_connected {                // the first event
    std::uint64_t sessions = 0;       // of the process, this one included
    std::uint32_t minute_of_week = 0; // local time; Monday 00:00 is 0
};
struct from_mta {
    wire::frame packet;
};
struct mta_lost { // closed, broken or garbage: nothing can be told any more
    std::string_view detail;
};
struct child_connected {
    child_index child;
};
// Instead of child_connected: connected, and it has answered that very offer already (chain V.5).
struct child_ready {
    child_index child;
    wire::frame answer; // as a from_child would have had it
};
struct from_child {
    child_index child;
    wire::frame packet;
};
struct child_lost {
    child_index child;
    failure why;
    std::string_view detail;
};
struct deadline_passed {
    core::deadline which;
};
// The last send_body to this child has left our queue; or, when that body could not be kept, it was not sent.
struct body_sent {
    child_index child;
    bool left_out = false;
};
// The same for the last send_body_to_mta.
struct body_sent_to_mta {};
// A body could not be kept (chain P32).
struct body_not_kept {
    body_id body;
    std::string_view detail;
};
// Answers to one ask_worker or look_up. What is left out of it cannot be known.
struct answered {
    std::uint32_t id;
    std::span<block_answer const> answers;
};
// The answer to one check_client.
struct client_checked {
    std::uint32_t id;
    bool gone; // a checker is sure
};
// The process ends: whatever is not decided gets a temporary failure.
struct stop_now {};

using event = std::variant<mta_connected, from_mta, mta_lost, child_connected, child_ready, from_child,
                           child_lost, deadline_passed, body_sent, body_sent_to_mta, body_not_kept, answered,
                           client_checked, stop_now>;

} // namespace milter::core
