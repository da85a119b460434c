// What a Ruby worker is asked and what it answers, as the text that crosses the socket (docs/ruby-worker.md).
// Pure; bytes that are no UTF-8 survive the way there and back.
#pragma once

#include "core/policy.hpp"
#include "core/question.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::proxy {

// mail_transaction_shelf of a session (configuration 7): key -> YAML text.
using shelf = std::map<std::string, std::string>;
// Bytes of keys and values; what would exceed it is not kept.
inline constexpr std::size_t most_on_shelf = 1024 * 1024;

// What a block has changed: key -> value; nothing: removed. The keys that there was no room for.
using shelf_changes = std::map<std::string, std::optional<std::string>>;
std::vector<std::string> change(shelf& what, shelf_changes const& by);

// The texts that core::question does not have.
struct at_hand {
    std::string chunk; // of the body
    proxy::shelf shelf;
    std::optional<core::client> server{}; // the MTA's end of its connection, for connection checkers
};

// The items from the first one on.
std::string question_text(core::question const& what, core::policy const& rules, at_hand const& more,
                          std::size_t first);

// The answer to one item.
struct item_answer {
    core::truth says = core::truth::failed;
    bool wants_results = false;
    core::macro_values macros;
    shelf_changes shelf;
    std::string error; // why it failed
};
// The error says what is no answer.
tl::expected<item_answer, std::string> parse_answer(std::string_view payload);

// What a worker wants to have logged.
struct worker_note {
    std::string level;
    std::string text;
};
tl::expected<worker_note, std::string> parse_note(std::string_view payload);

} // namespace milter::proxy
