// What is known of a session when a condition is evaluated for one child: views of what the session holds,
// never kept. And what comes of it.
#pragma once

#include "core/condition.hpp"
#include "core/headers.hpp"
#include "core/macros.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace milter::core {

enum class truth : std::uint8_t {
    no,
    yes,
    open,   // an answer from outside, or of an earlier child, is missing
    failed, // cannot be known
};

// Who has connected (protocol 4.2).
struct client {
    std::string host;
    char family = 'U';
    std::string address; // as the MTA wrote it
    std::uint16_t port = 0;
    std::optional<ip_address> ip;
};

struct facts {
    stage at = stage::connect;
    core::client const* client = nullptr;
    std::string_view helo;
    std::string_view sender;    // as the MTA wrote it, with its angle brackets
    std::string_view recipient; // the one at hand
    std::span<std::string const> recipients;
    std::string_view header_name;
    std::string_view header_value;
    header_list const* headers = nullptr; // as the child sees them; from the end of the headers on
    std::uint64_t size = 0;               // bytes: announced, then received
    std::uint64_t sessions = 0;
    std::uint32_t minute_of_week = 0;                        // Monday 00:00 is 0
    std::function<std::string_view(std::string_view)> macro; // by bare name; "" when there is none
    // The result so far of the child of that name, nothing if it is not an earlier one; only when the
    // earlier ones have answered this event.
    std::function<std::optional<std::string_view>(std::string_view)> result_of;
    bool earlier_answered = false;
    std::function<truth(std::uint32_t question)> answer;
};

// Every question that has no answer yet and would matter is added to `missing`.
truth evaluate(expression const& what, facts const& known, std::vector<std::uint32_t>& missing);

// An address without its angle brackets.
std::string_view bare_address(std::string_view address);
// The part behind the last @ of a bracketed address, as written; "" when there is none.
std::string_view domain_of(std::string_view address);

} // namespace milter::core
