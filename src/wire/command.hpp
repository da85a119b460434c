// What an MTA says to a filter (protocol 2.1, 4, 5): one small struct a command, decode and encode side by
// side. All strings are views of bytes without a charset: of the frame when decoded, of the caller's when
// encoded.
#pragma once

#include "wire/error.hpp"
#include "wire/frame.hpp"
#include "wire/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <tl/expected.hpp>

namespace milter::wire {

// Strings of which each ends in a NUL, one behind the other, as in the packet.
class strings {
public:
    strings() = default;
    // bytes: empty, or ending in a NUL.
    explicit strings(std::string_view bytes) : bytes_(bytes) {}

    // Takes the next string off the front; nothing at the end.
    std::optional<std::string_view> next();
    std::string_view bytes() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }
    friend bool operator==(strings const&, strings const&) = default;

private:
    std::string_view bytes_;
};
// Appends one string (up to its first NUL) and its NUL to the bytes of a `strings`.
void append_string(std::string& bytes, std::string_view one);

struct negotiate { // O: the MTA's offer
    static constexpr char code = 'O';
    std::uint32_t version = newest_version;
    wire::actions actions;
    wire::steps steps;
    friend bool operator==(negotiate const&, negotiate const&) = default;
};

struct macros { // D
    static constexpr char code = 'D';
    char for_command = 0; // the letter of the command that they precede
    strings pairs;        // name, value, name, value, ...; names as sent, with or without braces

    // Takes the next pair off the front; nothing at the end.
    std::optional<std::pair<std::string_view, std::string_view>> next();
    friend bool operator==(macros const&, macros const&) = default;
};

struct connect { // C
    static constexpr char code = 'C';
    std::string_view host;
    char family = 'U';        // U unknown, L unix, 4, 6
    std::uint16_t port = 0;   // host byte order; 0 = unknown; not sent for U
    std::string_view address; // as the MTA wrote it (Sendmail: "IPv6:..." for 6); not sent for U
    friend bool operator==(connect const&, connect const&) = default;
};

struct helo { // H
    static constexpr char code = 'H';
    std::string_view name;
    friend bool operator==(helo const&, helo const&) = default;
};

struct mail { // M
    static constexpr char code = 'M';
    std::string_view address; // as the client wrote it, usually in <>
    strings arguments;        // ESMTP parameters
    friend bool operator==(mail const&, mail const&) = default;
};

struct rcpt { // R
    static constexpr char code = 'R';
    std::string_view address;
    strings arguments;
    friend bool operator==(rcpt const&, rcpt const&) = default;
};

struct data { // T
    static constexpr char code = 'T';
    friend bool operator==(data const&, data const&) = default;
};

struct header { // L
    static constexpr char code = 'L';
    std::string_view name;
    std::string_view value; // folded lines are separated by LF
    friend bool operator==(header const&, header const&) = default;
};

struct end_of_headers { // N
    static constexpr char code = 'N';
    friend bool operator==(end_of_headers const&, end_of_headers const&) = default;
};

struct body { // B: never encoded empty (protocol 4.7)
    static constexpr char code = 'B';
    std::string_view bytes;
    friend bool operator==(body const&, body const&) = default;
};

struct end_of_message { // E: `bytes` is a last piece of body from old MTAs (protocol 4.8); never encoded
    static constexpr char code = 'E';
    std::string_view bytes;
    friend bool operator==(end_of_message const&, end_of_message const&) = default;
};

struct abort { // A
    static constexpr char code = 'A';
    friend bool operator==(abort const&, abort const&) = default;
};

struct quit { // Q
    static constexpr char code = 'Q';
    friend bool operator==(quit const&, quit const&) = default;
};

struct quit_new_connection { // K: the session is over, a connect follows on the same socket
    static constexpr char code = 'K';
    friend bool operator==(quit_new_connection const&, quit_new_connection const&) = default;
};

struct unknown { // U: a command line that the MTA does not know
    static constexpr char code = 'U';
    std::string_view line;
    friend bool operator==(unknown const&, unknown const&) = default;
};

using command = std::variant<negotiate, macros, connect, helo, mail, rcpt, data, header, end_of_headers, body,
                             end_of_message, abort, quit, quit_new_connection, unknown>;

// Strict where a libmilter would close the connection (missing NUL, short connect, empty body), lenient where
// it would not: payload of end_of_message is kept; bytes behind the last field, payload on commands that have
// none, and a last macro name without a value are left out (oddity tells).
tl::expected<command, error> decode_command(frame const& packet);
// What decode_command left out of a packet that it accepts: unexpected_data, odd_macro, or nothing. For the
// log.
std::optional<error> oddity(frame const& packet);

// Appends the whole packet, length included. A string ends at its first NUL; an empty body appends nothing.
void encode(std::string& out, command const& what);

// "connect", "end-of-message", ...: the word used in logs for a command's letter; "unknown-letter" for
// others.
std::string_view command_name(char code);

// The letters of commands that a filter answers with exactly one decision (unless agreed otherwise).
constexpr bool wants_reply(char code) {
    return std::string_view("OCHMRTLNBEU").find(code) != std::string_view::npos;
}

} // namespace milter::wire
