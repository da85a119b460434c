// The table of what may follow what: the stages of a session, the packet and the negotiated bits of each, and
// the order in which a filter takes them. A table and its look-ups; no state.
#pragma once

#include "wire/options.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace milter::core {

enum class stage : std::uint8_t {
    negotiate,
    connect,
    helo,
    mail,
    rcpt,
    data,
    unknown,
    header,
    end_of_headers,
    body,
    end_of_message,
};
inline constexpr std::size_t stage_count = 11;

// The command's letter (protocol 2.1).
char code_of(stage at);
// The stage of a command that is reported to filters; nothing for D, A, Q, K and letters without a command.
std::optional<stage> stage_of(char code);
// The word for logs: "connect", "envelope-from", ...
std::string_view name_of(stage at);

// The bit by which a filter opts out of the stage; none for negotiate and end_of_message.
wire::steps opt_out_of(stage at);
// The bit by which a filter promises not to answer; none for negotiate and end_of_message.
wire::steps silence_of(stage at);
// The list of macros that belongs to the stage; nothing for stages without one.
std::optional<wire::macro_stage> macros_of(stage at);

// What a libmilter filter was last given: the states of protocol 6.2 (`aborted` counts as `helo`).
// True when it would process `next` then; false when it would drop it without a reply.
bool may_follow(stage last, stage next, wire::steps agreed);
// The same without losing a message that has begun: otherwise a filter aborts it first and starts over.
bool keeps_message(stage last, stage next, wire::steps agreed);

} // namespace milter::core
