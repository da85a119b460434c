// The table of all settings: name, what is accepted, unit, documentation, field. Whoever reads, prints or
// explains a configuration walks it; nobody else may know a setting by its name. The default is the field's
// own.
#pragma once

#include "config/rule.hpp"
#include "config/snapshot.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace milter::config {

inline constexpr std::string_view always = "always";
inline constexpr std::string_view v3_0 = "3.0";

// Where `show` says that a value comes from.
enum class origin { assignment, never_told, unless_default };

enum class shown { plain, octal, masked, zero_as_nil, hidden };

template <class Owner>
struct field {
    value (*get)(Owner const&);
    void (*set)(Owner&, value const&);
    bool can_be_empty;          // nil is kept as nil; else nil restores the default
    bool needs_restart = false; // else a reload is enough
};

template <class T>
constexpr bool can_be_empty = requires(T field) {
    field = std::nullopt;
};
template <>
inline constexpr bool can_be_empty<std::variant<std::monostate, std::int64_t, std::string>> = true;

// access: a captureless lambda from an Owner (const or not) to the field.
template <class Owner, class Access>
constexpr field<Owner> field_at(Access) {
    return {[](Owner const& of) { return to_value(Access{}(of)); },
            [](Owner& of, value const& to) { assign(Access{}(of), to); },
            can_be_empty<std::remove_reference_t<decltype(Access{}(std::declval<Owner&>()))>>, false};
}

template <class Owner>
struct setting {
    std::string_view section; // "manager"; "milter" for attributes of define_milter
    std::string_view name;
    std::string_view since; // `always`: the older program had it
    config::rule rule;
    std::string_view unit;          // "" when there is none
    std::string_view documentation; // one sentence
    std::string_view example;       // what may be assigned, as in the configuration; not the default
    config::field<Owner> field;
    config::shown shown = shown::plain;
    config::origin origin = origin::assignment;
    std::string_view build_default = {}; // how the build decides the default; "" = it does not
};

// In the order in which they are shown.
std::span<setting<snapshot> const> settings();
std::span<setting<milter> const> milter_settings();

inline constexpr std::string_view sections[] = {"package",    "security", "log",     "manager",
                                                "controller", "metrics",  "database"};

} // namespace milter::config
