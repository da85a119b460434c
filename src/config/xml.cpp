#include "config/xml.hpp"

#include "config/inspect.hpp"
#include "config/settings.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace milter::config {

namespace {

constexpr std::array<std::string_view, 3> sections_of_xml{"security", "controller", "manager"};
constexpr std::array<std::string_view, 9> of_a_milter{
    "enabled",         "description",     "connection_spec",      "command", "command_options", "user_name",
    "fallback_status", "evaluation_mode", "applicable_conditions"};

std::string escaped(std::string_view text) {
    std::string safe;
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (c == '<' || c == '>' || c == '&' || byte < 0x20 || byte == 0x7F)
            safe += fmt::format("&#{};", byte);
        else
            safe += c;
    }
    return safe;
}

std::string element_name(std::string_view setting) {
    std::string name(setting);
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

std::string element(std::string_view name, std::string_view text) {
    return fmt::format("<{0}>{1}</{0}>\n", name, escaped(text));
}

std::string text_of(value const& held) {
    if (auto const* const text = std::get_if<std::string>(&held)) return *text;
    if (auto const* const where = std::get_if<written_endpoint>(&held)) return where->written;
    return inspect(held);
}

// Nothing for nil: the file cannot say it.
template <class Owner>
std::string element_of(setting<Owner> const& one, Owner const& of, std::string_view indent) {
    auto const held = one.field.get(of);
    if (std::holds_alternative<std::monostate>(held)) return {};
    auto const name = element_name(one.name);
    if (one.shown == shown::octal)
        return fmt::format("{}{}", indent, element(name, fmt::format("0{:o}", std::get<std::int64_t>(held))));
    auto const* const list = std::get_if<names>(&held);
    if (!list) return fmt::format("{}{}", indent, element(name, text_of(held)));
    auto text = fmt::format("{}<{}>\n", indent, name);
    for (auto const& each : *list)
        text += fmt::format("{}  {}", indent, element(name.substr(0, name.size() - 1), each));
    return text + fmt::format("{}</{}>\n", indent, name);
}

bool is_of_a_milter(std::string_view name) {
    return std::find(of_a_milter.begin(), of_a_milter.end(), name) != of_a_milter.end();
}

std::string milter_element(milter const& what) {
    auto text = "    <milter>\n      " + element("name", what.child.name);
    for (auto const& one : milter_settings())
        if (is_of_a_milter(one.name)) text += element_of(one, what, "      ");
    return text + "    </milter>\n";
}

} // namespace

std::string as_xml(snapshot const& what) {
    std::string text = "<configuration>\n";
    for (auto const section : sections_of_xml) {
        text += fmt::format("  <{}>\n", section);
        for (auto const& one : settings())
            if (one.section == section && one.shown != shown::hidden && one.shown != shown::masked)
                text += element_of(one, what, "    ");
        text += fmt::format("  </{}>\n", section);
    }
    text += "  <milters>\n";
    for (auto const& one : what.milters)
        text += milter_element(one);
    return text + "  </milters>\n</configuration>\n";
}

} // namespace milter::config
