#include "config/show.hpp"

#include "config/inspect.hpp"
#include "config/settings.hpp"

#include <fmt/format.h>

namespace milter::config {

namespace {

std::string octal(std::int64_t mode, std::string_view section) {
    if (mode == 0) return section == "controller" ? "00" : "0"; // as it was always shown
    return fmt::format("0{:o}", mode);
}

template <class Owner>
std::string value_text(setting<Owner> const& one, Owner const& of) {
    auto const held = one.field.get(of);
    bool const nil = std::holds_alternative<std::monostate>(held);
    switch (one.shown) {
    case shown::octal:
        return octal(std::get<std::int64_t>(held), one.section);
    case shown::masked:
    case shown::hidden:
        return nil ? "nil" : "\"********\"";
    case shown::zero_as_nil:
        return std::get<std::int64_t>(held) == 0 ? "nil" : inspect(held);
    case shown::plain:
        break;
    }
    return inspect(held);
}

std::string show_sections(snapshot const& what) {
    std::string text;
    std::string_view section;
    for (auto const& one : settings()) {
        if (one.shown == shown::hidden) continue;
        if (!section.empty() && section != one.section) text += '\n';
        section = one.section;
        auto const name = fmt::format("{}.{}", one.section, one.name);
        text += fmt::format("# {}\n{} = {}\n", place_of(what.locations, name), name, value_text(one, what));
    }
    return text;
}

std::string show_condition(condition const& what) {
    return fmt::format(
        "# {}\ndefine_applicable_condition({}) do |condition|\n  # {}\n  condition.description = {}\nend\n",
        place_of(what.locations, "define_applicable_condition"), inspect(what.name),
        place_of(what.locations, "description"), what.description ? inspect(*what.description) : "nil");
}

// One line of place for each item, and none for the list (configuration 12).
std::string show_applicable_conditions(milter const& what) {
    if (what.applicable_conditions.empty()) return "  # default\n  milter.applicable_conditions = []\n";
    std::string text = "  milter.applicable_conditions = [\n";
    for (std::size_t n = 0; n < what.applicable_conditions.size(); ++n) {
        auto const& where = what.condition_places[n];
        text += fmt::format("    # {}\n    {},\n", where.empty() ? "default" : where,
                            inspect(what.applicable_conditions[n]));
    }
    return text + "  ]\n";
}

std::string show_milter(milter const& what) {
    auto text = fmt::format("# {}\ndefine_milter({}) do |milter|\n",
                            place_of(what.locations, "define_milter"), inspect(what.child.name));
    for (auto const& one : milter_settings()) {
        if (one.rule.type == type::conditions) {
            text += show_applicable_conditions(what);
            continue;
        }
        text += fmt::format("  # {}\n  milter.{} = {}\n", place_of(what.locations, one.name), one.name,
                            value_text(one, what));
    }
    return text + "end\n";
}

} // namespace

std::string place_of(locations const& all, std::string_view name) {
    auto const found = all.find(name);
    return found == all.end() ? "default" : found->second;
}

std::string shown_value(setting<snapshot> const& one, snapshot const& of) {
    return value_text(one, of);
}

std::string shown_value(setting<milter> const& one, milter const& of) {
    return value_text(one, of);
}

std::string show(snapshot const& what) {
    std::string text = show_sections(what);
    for (auto const& one : what.conditions)
        if (!one.replaced) text += "\n" + show_condition(one);
    for (auto const& one : what.milters)
        text += "\n" + show_milter(one);
    return text;
}

} // namespace milter::config
