// The message that milter-test-server sends, and what a milter made of it. Applies edits one by one, as they
// come; knows nothing of connections.
#pragma once

#include "wire/reply.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::test_server {

struct header {
    std::string name;
    std::string value; // without the blank behind the colon
    friend bool operator==(header const&, header const&) = default;
};

struct recipient {
    std::string address; // in <>
    enum class fate { kept, removed, added } is = fate::kept;
};

struct message {
    std::string sender; // in <>
    std::vector<recipient> recipients;
    std::vector<header> original_headers;
    std::vector<std::string> body; // in pieces of at most 65535 bytes, none of them empty

    std::optional<std::string> new_sender;
    std::vector<header> headers; // as they are by now
    std::optional<std::string> new_body;
    std::optional<std::string> quarantine_reason;

    // One edit; other replies change nothing. leading_space: header values come with their blank
    // (protocol 10.1).
    void apply(wire::reply const& edit, bool leading_space);
    std::string final_body() const;
};

// "<a@b>" of "a@b" and of "<a@b>".
std::string in_brackets(std::string_view address);
// Names of header fields are the same in any case.
bool same_name(std::string_view a, std::string_view b);

} // namespace milter::tools::test_server
