// What can be wrong with bytes that a peer sent. Errors of the wire are values, never exceptions: a peer
// that misbehaves is ordinary.
#pragma once

#include <string_view>

namespace milter::wire {

enum class error {
    frame_empty,       // a length of 0: not even a code byte (protocol 1)
    frame_too_long,    // the announced length is above the reader's limit
    unknown_code,      // no command / reply has this letter (protocol 2.1, 2.2)
    payload_too_short, // a fixed part (integers, family byte) is cut off
    missing_nul,       // a string does not end inside the payload
    unexpected_data,   // bytes behind the end of a packet that must not have any
    odd_macro,         // a macro name without its value (protocol 5.1)
    bad_family,        // the address family of a connect is none of U L 4 6 (protocol 2.5)
    bad_smtp_reply,    // a reply text that an MTA would refuse (protocol 9)
};

// A short text in English without a full stop, e.g. "the packet is longer than the limit".
std::string_view describe(error what);

} // namespace milter::wire
