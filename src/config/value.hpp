// A setting's value between text and field: what `judge` accepts, what a field stores and what `show` prints.
// The overloads of `to_value` and `assign` are the only places that know the types of fields.
#pragma once

#include "config/snapshot.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace milter::config {

using names = std::vector<std::string>;

// nil, boolean, number, time, text (also a word of a list), socket, macro names, names of conditions.
using value = std::variant<std::monostate, bool, std::int64_t, milliseconds, std::string, written_endpoint,
                           macro_lists, names>;

std::string_view word(core::fallback what); // "temporary-failure"
std::string_view word(core::mta_kind what);
core::fallback fallback_of(std::string_view word); // word: one of those of word()
core::mta_kind mta_of(std::string_view word);

template <class T>
concept number = std::integral<T> && !std::same_as<T, bool>;

inline value to_value(bool field) {
    return field;
}
value to_value(number auto field) {
    return static_cast<std::int64_t>(field);
}
inline value to_value(milliseconds field) {
    return field;
}
inline value to_value(seconds field) {
    return static_cast<std::int64_t>(field.count());
}
inline value to_value(std::string const& field) {
    return field;
}
inline value to_value(core::fallback field) {
    return std::string(word(field));
}
inline value to_value(core::mta_kind field) {
    return std::string(word(field));
}
inline value to_value(macro_lists const& field) {
    return field;
}
inline value to_value(names const& field) {
    return field;
}
inline value to_value(written_endpoint const& field) {
    return field;
}
template <class T>
value to_value(std::optional<T> const& field) {
    return field ? to_value(*field) : value{};
}
inline value to_value(std::variant<std::monostate, std::int64_t, std::string> const& field) {
    return std::visit([](auto const& one) { return value(one); }, field);
}

// The value must be one that the setting's rule lets through: of the field's type.
inline void assign(bool& field, value const& to) {
    field = std::get<bool>(to);
}
void assign(number auto& field, value const& to) {
    field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::int64_t>(to));
}
inline void assign(milliseconds& field, value const& to) {
    field = std::get<milliseconds>(to);
}
inline void assign(seconds& field, value const& to) {
    field = seconds(std::get<std::int64_t>(to));
}
inline void assign(std::string& field, value const& to) {
    field = std::get<std::string>(to);
}
inline void assign(core::fallback& field, value const& to) {
    field = fallback_of(std::get<std::string>(to));
}
inline void assign(core::mta_kind& field, value const& to) {
    field = mta_of(std::get<std::string>(to));
}
inline void assign(macro_lists& field, value const& to) {
    field = std::get<macro_lists>(to);
}
inline void assign(names& field, value const& to) {
    field = std::get<names>(to);
}
inline void assign(written_endpoint& field, value const& to) {
    field = std::get<written_endpoint>(to);
}
template <class T>
void assign(std::optional<T>& field, value const& to) {
    if (std::holds_alternative<std::monostate>(to)) {
        field.reset();
    } else {
        assign(field.emplace(), to);
    }
}
inline void assign(std::variant<std::monostate, std::int64_t, std::string>& field, value const& to) {
    if (auto const* integer = std::get_if<std::int64_t>(&to)) {
        field = *integer;
    } else if (auto const* text = std::get_if<std::string>(&to)) {
        field = *text;
    } else {
        field = std::monostate{};
    }
}

} // namespace milter::config
