#include "wire/error.hpp"

namespace milter::wire {

std::string_view describe(error what) {
    switch (what) {
    case error::frame_empty:
        return "the packet has a length of zero";
    case error::frame_too_long:
        return "the packet is longer than the limit";
    case error::unknown_code:
        return "the letter of the packet is unknown";
    case error::payload_too_short:
        return "the packet is too short";
    case error::missing_nul:
        return "a string in the packet does not end in a NUL";
    case error::unexpected_data:
        return "the packet has unexpected data at its end";
    case error::odd_macro:
        return "a macro name has no value";
    case error::bad_family:
        return "the address family is unknown";
    case error::bad_smtp_reply:
        return "the text is not a valid SMTP reply";
    }
    return "unknown error";
}

} // namespace milter::wire
