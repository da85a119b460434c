// What the two sides of a milter connection agree on: actions (SMFIF, protocol 2.3), steps (SMFIP, 2.4),
// versions (3.2), stages of macros (2.5). Bits as types, with their names; no decisions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace milter::wire {

inline constexpr std::uint32_t newest_version = 6;

// A set of the bits of Enum; unknown bits are kept.
template <class Enum>
class flags {
public:
    constexpr flags() = default;
    constexpr explicit flags(std::uint32_t bits) : bits_(bits) {}
    constexpr flags(Enum one) : bits_(static_cast<std::uint32_t>(one)) {} // NOLINT: a bit is a set

    constexpr std::uint32_t bits() const { return bits_; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool has(Enum one) const { return (bits_ & static_cast<std::uint32_t>(one)) != 0; }
    constexpr bool has_all(flags other) const { return (bits_ & other.bits_) == other.bits_; }

    friend constexpr flags operator|(flags a, flags b) { return flags(a.bits_ | b.bits_); }
    friend constexpr flags operator&(flags a, flags b) { return flags(a.bits_ & b.bits_); }
    // What is in a and not in b.
    friend constexpr flags operator-(flags a, flags b) { return flags(a.bits_ & ~b.bits_); }
    constexpr flags& operator|=(flags other) { return *this = *this | other; }
    constexpr flags& operator&=(flags other) { return *this = *this & other; }
    friend constexpr bool operator==(flags, flags) = default;

private:
    std::uint32_t bits_ = 0;
};

// What a filter may do to a message.
enum class action : std::uint32_t {
    add_headers = 0x001,
    change_body = 0x002,
    add_recipient = 0x004,
    delete_recipient = 0x008,
    change_headers = 0x010,
    quarantine = 0x020,
    change_sender = 0x040,
    add_recipient_with_args = 0x080,
    set_macro_lists = 0x100,
};
using actions = flags<action>;
constexpr actions operator|(action a, action b) {
    return actions(a) | actions(b);
}
inline constexpr actions all_actions{0x1FF};

// Which events are sent, which are answered, what else is understood.
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
    skip = 0x00000400,
    rejected_recipients = 0x00000800,
    no_reply_connect = 0x00001000,
    no_reply_helo = 0x00002000,
    no_reply_mail = 0x00004000,
    no_reply_rcpt = 0x00008000,
    no_reply_data = 0x00010000,
    no_reply_unknown = 0x00020000,
    no_reply_end_of_headers = 0x00040000,
    no_reply_body = 0x00080000,
    leading_space = 0x00100000,
};
using steps = flags<step>;
constexpr steps operator|(step a, step b) {
    return steps(a) | steps(b);
}

inline constexpr steps all_steps{0x1FFFFF};
// Bits that sendmail's optional builds use to negotiate the packet size (protocol 2.4).
inline constexpr steps packet_size_steps{0x70000000};

// The steps an MTA of this version understands (protocol 3.4); versions above 6 count as 6, below 2 as 2.
steps steps_of_version(std::uint32_t version);

// Stages that have a list of macros of their own (protocol 2.5; 5 and 6 are not in order of time).
enum class macro_stage : std::uint32_t {
    connect = 0,
    helo = 1,
    mail = 2,
    rcpt = 3,
    data = 4,
    end_of_message = 5,
    end_of_headers = 6,
};
inline constexpr std::uint32_t macro_stage_count = 7;

// Names of the bits as the test client prints them: "add-headers|change-body"; "" for none; bits without a
// name as hexadecimal.
std::string names(actions set);
std::string names(steps set);
// One bit by its name; nothing when there is no such name.
std::optional<action> action_by_name(std::string_view name);
std::optional<step> step_by_name(std::string_view name);

} // namespace milter::wire
