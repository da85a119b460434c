// What each session of a long life is to be like, as a function of the seed and its number: which child fails
// where and how, what the MTA does wrong, how much mail there is. Both sides of the daemon ask it; it must
// never depend on anything else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::life {

struct member {
    std::string_view name;
    std::string_view fallback;
    char reply;      // what the MTA is told for its failure
    bool on_tcp;     // which can be reset; the others are on unix sockets
    bool retried;    // with retry_next_message
    bool evaluation; // nothing that it does may be felt
};
// In the order of the chain. Each adds a header field "X-NAME".
inline constexpr std::array<member, 4> cast{{
    {"alpha", "accept", 'c', true, false, false},
    {"shadow", "reject", 'c', false, true, true},
    {"beta", "temporary-failure", 't', false, true, false},
    {"gamma", "reject", 'r', true, false, false},
}};
inline constexpr std::size_t beta = 2, gamma = 3;

// What a child does in the place of an answer.
enum class fault : std::uint8_t {
    closes,
    resets,
    cuts,           // half an answer, then it closes
    stalls,         // no answer, but it reads
    stalls_inside,  // half an answer, and no more
    is_deaf,        // no answer, and it does not read
    unknown_letter, // a packet that nobody knows
    absurd_length,  // a packet of 4 GiB
};
inline constexpr std::array<std::string_view, 8> fault_names{
    "closes", "resets", "cuts", "stalls", "stalls-inside", "is-deaf", "unknown-letter", "absurd-length"};

enum class manner : std::uint8_t {
    proper,        // one command, one answer
    pipelines,     // all mails in one go
    aborts,        // gives a mail up
    leaves,        // A and Q without waiting for the answer
    vanishes,      // closes without Q
    resets,        //
    cuts,          // half a packet, then it closes
    stalls,        // says no more
    stalls_inside, // half a packet, and no more
    is_deaf,       // reads no more
    talks_rubbish, // a packet that nobody knows
};
inline constexpr std::array<std::string_view, 11> manner_names{
    "proper", "pipelines", "aborts",        "leaves",  "vanishes",     "resets",
    "cuts",   "stalls",    "stalls-inside", "is-deaf", "talks-rubbish"};

struct trouble {
    std::size_t child;
    char at; // letter of a command of the first mail, or of connect or helo
    fault how;
};

struct plan {
    std::uint64_t number = 0;
    manner mta = manner::proper;
    std::size_t turn = 0; // where the MTA does it: this, modulo its commands
    std::vector<trouble> troubles;
    std::size_t mails = 1;
    std::size_t body_lines = 0;
    std::optional<std::size_t> new_body_lines; // from beta
    std::optional<std::size_t> slow_child;     // thinks at the end of the first mail
    bool postfix = false;

    std::string body() const;
    std::string new_body() const;
    std::string text() const; // for people
};
plan plan_of(std::uint64_t seed, std::uint64_t number);

// A fault at the offer, when the child cannot know which session it is for; by the number of the connection.
std::optional<fault> fault_at_offer(std::uint64_t seed, std::size_t child, std::uint64_t connection);

} // namespace milter::life
