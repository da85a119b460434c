#include "config/settings_page.hpp"

#include "config/inspect.hpp"
#include "config/pending.hpp"
#include "config/settings.hpp"

#include <fmt/format.h>

namespace milter::config {

namespace {

constexpr std::string_view opening = R"(# All settings

This page is printed by `milter-manager --config-reference`, and a test compares the two. What the settings are for is told in
[configuration.md](configuration.md), where the [types](configuration.md#values) are too; which value is in force, and which line set it, by
`milter-manager --show-config`. [configuration-json.md](../configuration-json.md) has the same settings in JSON.

*since*: "always" is what `milter-manager.conf` has had all along. *A change needs*: with a reload, new sessions see it; else
the program has to be started again.
)";

std::string_view type_name(type of) {
    switch (of) {
    case type::text:
        return "text";
    case type::boolean:
    case type::strict_boolean:
        return "boolean";
    case type::integer:
        return "integer";
    case type::mode:
        return "mode";
    case type::time:
        return "number";
    case type::word:
        return "word";
    case type::endpoint:
        return "socket";
    case type::levels:
        return "log level";
    case type::facility:
        return "facility";
    case type::scalar:
        return "text or integer";
    case type::macros:
        return "macros";
    case type::conditions:
        return "array";
    case type::object:
        break;
    }
    return "Hash";
}

template <class Owner>
std::string standard_of(setting<Owner> const& one) {
    if (!one.build_default.empty()) return std::string(one.build_default);
    auto const standard = one.field.get(Owner{});
    if (one.shown != shown::octal) return fmt::format("`{}`", inspect(standard));
    return fmt::format("`0{:o}`", std::get<std::int64_t>(standard));
}

template <class Owner>
std::string describe(setting<Owner> const& one) {
    auto const name = fmt::format("{}.{}", one.section, one.name);
    auto text = fmt::format("\n### {}\n\n{}{}\n\n", name, one.documentation,
                            is_pending(one.section, one.name) ? " **No effect in this version.**" : "");
    text += fmt::format("- type: {}{}\n", type_name(one.rule.type),
                        one.unit.empty() ? "" : fmt::format(", {}", one.unit));
    text += fmt::format("- allowed: {}\n", allowed(one.rule));
    text += fmt::format("- default: {}\n", standard_of(one));
    text += fmt::format("- example: `{} = {}`\n", name, one.example);
    text += fmt::format("- since: {}\n", one.since);
    text += fmt::format("- a change needs: {}\n", one.field.needs_restart ? "a restart" : "a reload");
    return text;
}

} // namespace

std::string settings_page() {
    std::string text(opening);
    for (auto const section : sections) {
        text += fmt::format("\n## {}\n", section);
        for (auto const& one : settings())
            if (one.section == section) text += describe(one);
    }
    text += "\n## define_milter\n";
    for (auto const& one : milter_settings())
        text += describe(one);
    return text;
}

} // namespace milter::config
