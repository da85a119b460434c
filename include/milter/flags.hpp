// What an MTA and a milter agree on before the first mail: which changes the milter may make (actions), which
// steps it hears of and answers (steps). The values are the protocol's; bits without a name are kept.
#pragma once

#include <cstdint>

namespace milter {
inline namespace v3 {

// A set of the bits of Enum.
template <class Enum>
class flags {
public:
    constexpr flags() = default;
    constexpr explicit flags(std::uint32_t bits) : bits_(bits) {}
    constexpr flags(Enum one) : bits_(static_cast<std::uint32_t>(one)) {} // NOLINT: a bit is a set

    constexpr std::uint32_t bits() const { return bits_; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool has(Enum one) const { return (bits_ & static_cast<std::uint32_t>(one)) != 0; }

    friend constexpr flags operator|(flags a, flags b) { return flags(a.bits_ | b.bits_); }
    friend constexpr flags operator&(flags a, flags b) { return flags(a.bits_ & b.bits_); }
    // What is in a and not in b.
    friend constexpr flags operator-(flags a, flags b) { return flags(a.bits_ & ~b.bits_); }
    friend constexpr bool operator==(flags, flags) = default;

private:
    std::uint32_t bits_ = 0;
};

// What a milter may do to a message.
enum class action : std::uint32_t {
    add_headers = 0x001, // also: insert
    change_body = 0x002,
    add_recipient = 0x004,
    delete_recipient = 0x008,
    change_headers = 0x010, // also: delete
    quarantine = 0x020,
    change_sender = 0x040,
    add_recipient_with_args = 0x080,
    set_macro_lists = 0x100, // asked for by wish::macros, never by hand
};
using actions = flags<action>;
constexpr actions operator|(action a, action b) {
    return actions(a) | actions(b);
}
inline constexpr actions all_actions{0x1FF};

// no_X: the step X is not sent at all; no_reply_X: it is sent, and the MTA waits for no answer.
enum class step : std::uint32_t {
    no_connect = 0x00000001,
    no_helo = 0x00000002,
    no_mail = 0x00000004,
    no_rcpt = 0x00000008,
    no_body = 0x00000010,
    no_headers = 0x00000020,
    no_end_of_headers = 0x00000040,
    no_reply_header = 0x00000080,
    no_unknown = 0x00000100,
    no_data = 0x00000200,
    skip = 0x00000400,                // the answer `skip` is understood
    rejected_recipients = 0x00000800, // recipients that the MTA itself refuses are sent too
    no_reply_connect = 0x00001000,
    no_reply_helo = 0x00002000,
    no_reply_mail = 0x00004000,
    no_reply_rcpt = 0x00008000,
    no_reply_data = 0x00010000,
    no_reply_unknown = 0x00020000,
    no_reply_end_of_headers = 0x00040000,
    no_reply_body = 0x00080000,
    leading_space = 0x00100000, // header values come and go with the blank behind the colon
};
using steps = flags<step>;
constexpr steps operator|(step a, step b) {
    return steps(a) | steps(b);
}
inline constexpr steps all_steps{0x1FFFFF};

// The stages that have a list of macros of their own.
enum class macro_stage : std::uint32_t {
    connect = 0,
    helo = 1,
    mail = 2,
    rcpt = 3,
    data = 4,
    end_of_message = 5,
    end_of_headers = 6,
};

} // namespace v3
} // namespace milter
