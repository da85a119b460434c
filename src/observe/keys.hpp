// The dictionary of log keys: every `key=value` of an event line takes its key from here, so that one word
// means one thing in every line. Never a second name for the same thing; a new key is a new row in keys.cpp.
#pragma once

#include <span>
#include <string_view>

namespace milter::observe {

struct key_meaning {
    std::string_view key;     // snake_case; units in the name
    std::string_view meaning; // one line for the manual
};

// All of them, sorted by key.
std::span<key_meaning const> dictionary();
bool is_key(std::string_view key);

} // namespace milter::observe
