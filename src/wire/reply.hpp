// What a filter says to an MTA (protocol 2.2, 3.6, 10): decisions, edits, progress, and its side of the
// negotiation. Decode and encode side by side; views as in command.hpp.
#pragma once

#include "wire/command.hpp"

namespace milter::wire {

// One list of macro names that a filter asks for (protocol 3.6).
struct macro_list {
    std::uint32_t stage = 0; // a macro_stage, or a number that nobody knows
    std::string_view names;  // separated by blanks (or commas)
    friend bool operator==(macro_list const&, macro_list const&) = default;
};

struct negotiated { // O: the filter's answer
    static constexpr char code = 'O';
    std::uint32_t version = newest_version;
    wire::actions actions;
    wire::steps steps;
    std::string_view macro_lists; // as in the packet: u32 stage, names NUL, ...

    // Takes the next list off the front; nothing at the end.
    std::optional<macro_list> next();
    friend bool operator==(negotiated const&, negotiated const&) = default;
};
// Appends one list to the bytes of negotiated::macro_lists.
void append_macro_list(std::string& bytes, macro_list const& one);

// The decisions that are nothing but a letter.
enum class answer : char {
    go_on = 'c', // continue
    accept = 'a',
    reject = 'r',
    temp_fail = 't',
    discard = 'd',
    skip = 's',      // no more body, please
    shutdown = '4',  // 421 and hang up
    conn_fail = 'f', // the connection to the filter is to count as failed
};
std::string_view answer_name(answer what); // "continue", "temporary-failure", ...

struct decision {
    answer what = answer::go_on;
    friend bool operator==(decision const&, decision const&) = default;
};

struct reply_code { // y: an SMTP reply of the filter's own; valid only if smtp_reply::parse says so
    static constexpr char code = 'y';
    std::string_view text;
    friend bool operator==(reply_code const&, reply_code const&) = default;
};

struct progress { // p
    static constexpr char code = 'p';
    friend bool operator==(progress const&, progress const&) = default;
};

struct add_header { // h
    static constexpr char code = 'h';
    std::string_view name;
    std::string_view value;
    friend bool operator==(add_header const&, add_header const&) = default;
};

struct insert_header { // i
    static constexpr char code = 'i';
    std::uint32_t index = 0;
    std::string_view name;
    std::string_view value;
    friend bool operator==(insert_header const&, insert_header const&) = default;
};

struct change_header { // m: an empty value deletes
    static constexpr char code = 'm';
    std::uint32_t index = 1; // the n-th field of this name, from 1
    std::string_view name;
    std::string_view value;
    friend bool operator==(change_header const&, change_header const&) = default;
};

struct replace_body { // b
    static constexpr char code = 'b';
    std::string_view bytes;
    friend bool operator==(replace_body const&, replace_body const&) = default;
};

struct add_recipient { // +
    static constexpr char code = '+';
    std::string_view address;
    friend bool operator==(add_recipient const&, add_recipient const&) = default;
};

struct add_recipient_with_args { // 2
    static constexpr char code = '2';
    std::string_view address;
    std::optional<std::string_view> arguments;
    friend bool operator==(add_recipient_with_args const&, add_recipient_with_args const&) = default;
};

struct delete_recipient { // -
    static constexpr char code = '-';
    std::string_view address;
    friend bool operator==(delete_recipient const&, delete_recipient const&) = default;
};

struct change_sender { // e
    static constexpr char code = 'e';
    std::string_view address;
    std::optional<std::string_view> arguments;
    friend bool operator==(change_sender const&, change_sender const&) = default;
};

struct quarantine { // q
    static constexpr char code = 'q';
    std::string_view reason;
    friend bool operator==(quarantine const&, quarantine const&) = default;
};

using reply = std::variant<negotiated, decision, reply_code, progress, add_header, insert_header,
                           change_header, replace_body, add_recipient, add_recipient_with_args,
                           delete_recipient, change_sender, quarantine>;

// Surplus payload on a bare letter is tolerated (protocol 20.7), behind a string it is not: neither MTA would
// apply that edit. A reply_code takes any text, with or without its NUL: its first digit still says what the
// filter wants (protocol 9).
tl::expected<reply, error> decode_reply(frame const& packet);
// Appends the whole packet, length included. A string ends at its first NUL.
void encode(std::string& out, reply const& what);

// "continue", "add-header", ...: the word used in logs for a reply's letter; "unknown-letter" for others.
std::string_view reply_name(char code);

} // namespace milter::wire
