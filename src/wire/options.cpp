#include "wire/options.hpp"

#include <array>
#include <bit>
#include <charconv>

namespace milter::wire {

namespace {

// In the order of the bits: the n-th name is that of bit n.
constexpr std::array<std::string_view, 9> action_names = {
    "add-headers",     "change-body", "add-envelope-recipient", "delete-envelope-recipient",
    "change-headers",  "quarantine",  "change-envelope-from",   "add-envelope-recipient-with-parameters",
    "set-symbol-list",
};

constexpr std::array<std::string_view, 21> step_names = {
    "no-connect",
    "no-helo",
    "no-envelope-from",
    "no-envelope-recipient",
    "no-body",
    "no-headers",
    "no-end-of-header",
    "no-reply-header",
    "no-unknown",
    "no-data",
    "skip",
    "envelope-recipient-rejected",
    "no-reply-connect",
    "no-reply-helo",
    "no-reply-envelope-from",
    "no-reply-envelope-recipient",
    "no-reply-data",
    "no-reply-unknown",
    "no-reply-end-of-header",
    "no-reply-body",
    "header-value-with-leading-space",
};

static_assert(all_actions.bits() == (1U << action_names.size()) - 1);
static_assert(all_steps.bits() == (1U << step_names.size()) - 1);

void add(std::string& list, std::string_view name) {
    if (!list.empty()) list += '|';
    list += name;
}

template <std::size_t N>
std::string names_of(std::uint32_t bits, std::array<std::string_view, N> const& table) {
    std::string result;
    for (std::size_t i = 0; i < N; ++i)
        if ((bits >> i & 1U) != 0) add(result, table[i]);
    if (auto const nameless = bits >> N << N; nameless != 0) {
        std::array<char, 10> hex = {'0', 'x'};
        auto const end = std::to_chars(hex.data() + 2, hex.data() + hex.size(), nameless, 16).ptr;
        add(result, {hex.data(), end});
    }
    return result;
}

template <class Enum, std::size_t N>
std::optional<Enum> by_name(std::string_view name, std::array<std::string_view, N> const& table) {
    for (std::size_t i = 0; i < N; ++i)
        if (table[i] == name) return static_cast<Enum>(1U << i);
    return std::nullopt;
}

} // namespace

// protocol 2.4, 3.4
steps steps_of_version(std::uint32_t version) {
    if (version <= 2) return steps(0x7F);
    if (version == 3) return steps(0x17F);
    if (version <= 5) return steps(0x37F);
    return all_steps;
}

std::string names(actions set) {
    return names_of(set.bits(), action_names);
}
std::string names(steps set) {
    return names_of(set.bits(), step_names);
}

std::optional<action> action_by_name(std::string_view name) {
    return by_name<action>(name, action_names);
}
std::optional<step> step_by_name(std::string_view name) {
    return by_name<step>(name, step_names);
}

} // namespace milter::wire
