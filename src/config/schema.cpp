#include "config/schema.hpp"

#include "config/built_in.hpp"
#include "config/defaults.hpp"
#include "config/expression_forms.hpp"
#include "config/inspect.hpp"
#include "config/log_levels.hpp"
#include "config/settings.hpp"

#include <cctype>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace milter::config {

namespace {

namespace json = boost::json;

// Texts cannot have a NUL.
constexpr std::string_view without_nul = "^[^\\u0000]*$";
constexpr std::string_view port =
    "0*(?:[0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
constexpr std::string_view host_name = "[^\\u0000-\\u0020\\u007f\\[][^\\u0000-\\u0020\\u007f]*";

enum class letters { exact, any_case };

// One of the words; "-" is as good as "_", and upper case maybe as lower case.
std::string pattern_of(std::span<std::string_view const> words, letters how) {
    std::string all;
    for (auto const word : words) {
        if (!all.empty()) all += '|';
        for (char const c : word) {
            bool const letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
            if (c == '-' || c == '_')
                all += "[-_]";
            else if (letter && how == letters::any_case)
                all +=
                    fmt::format("[{}{}]", c, static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
            else
                all += c;
        }
    }
    return fmt::format("^(?:{})$", all);
}

json::object text_like(std::string_view pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

json::object word_schema(rule const& by) {
    return {{"type", "string"},
            {"anyOf", json::array{json::object{{"enum", json::array(by.words.begin(), by.words.end())}},
                                  json::object{{"pattern", pattern_of(by.words, letters::any_case)}}}}};
}

json::object endpoint_schema() {
    return text_like(fmt::format(
        "^(?:(?:unix|local):[^\\u0000]{{1,107}}|inet6?:(?=.){0}(?:@(?:{1}|\\[[0-9A-Fa-f:.]+\\]))?)$", port,
        host_name));
}

json::object levels_schema() {
    auto const word = fmt::format("[-+]?(?:default|all|none|{})", fmt::join(level_names(), "|"));
    return text_like(fmt::format("^(?:{0}(?:\\|{0})*)?$", word));
}

json::object macros_schema() {
    json::object const name{{"type", "string"}, {"pattern", "^[^ ,\\t\\r\\n\\u0000]+$"}};
    json::object const names{
        {"anyOf", json::array{json::object{{"type", "array"}, {"items", name}}, text_like(without_nul)}}};
    return {{"type", "object"},
            {"propertyNames", json::object{{"pattern", pattern_of(macro_stage_words(), letters::exact)}}},
            {"additionalProperties", names}};
}

json::object time_schema(rule const& by) {
    json::object number{{"type", "number"}, {"maximum", static_cast<double>(by.most) / 1000}};
    number[by.least > 0 ? "exclusiveMinimum" : "minimum"] = 0;
    return number;
}

// Fractions are cut off, also those of -0.5.
json::object integer_schema(rule const& by) {
    json::object number{{"type", "number"}, {"exclusiveMaximum", by.most + 1}};
    if (by.least == 0)
        number["exclusiveMinimum"] = -1;
    else
        number["minimum"] = by.least;
    return number;
}

json::object applied_schema() {
    json::object const named{
        {"type", "object"},
        {"required", json::array{"name"}},
        {"properties", json::object{{"name", json::object{{"type", "string"}}},
                                    {"condition", json::object{{"type", "integer"}}},
                                    {"location", json::object{{"$ref", "#/$defs/location"}}}}}};
    return {{"type", "array"},
            {"items", json::object{{"anyOf", json::array{json::object{{"type", "string"}}, named}}}}};
}

json::object schema_of(rule const& by) {
    switch (by.type) {
    case type::boolean:
        return {{"type", "boolean"}};
    case type::strict_boolean:
        return {{"enum", json::array{true, false, "true", "false"}}};
    case type::integer:
    case type::mode:
        return integer_schema(by);
    case type::time:
        return time_schema(by);
    case type::word:
    case type::facility:
        return word_schema(by);
    case type::endpoint:
        return endpoint_schema();
    case type::levels:
        return levels_schema();
    case type::scalar:
        return {
            {"anyOf",
             json::array{json::object{{"type", "integer"}, {"minimum", INT64_MIN}, {"maximum", INT64_MAX}},
                         text_like(without_nul)}}};
    case type::macros:
        return macros_schema();
    case type::conditions:
        return applied_schema();
    case type::object:
        return {{"type", "object"}};
    case type::text:
        break;
    }
    return text_like(without_nul);
}

template <class Owner>
json::object setting_schema(setting<Owner> const& one) {
    static json::object const all = defaults();
    json::object made;
    auto const by_rule = schema_of(one.rule);
    if (one.rule.nil == on_nil::refuse)
        made = by_rule;
    else
        made["anyOf"] = json::array{by_rule, json::object{{"type", "null"}}};
    made["title"] = fmt::format("{}.{}", one.section, one.name);
    made["description"] = one.unit.empty() ? std::string(one.documentation)
                                           : fmt::format("{} In {}.", one.documentation, one.unit);
    if (one.build_default.empty()) made["default"] = all.at(one.section).as_object().at(one.name);
    return made;
}

json::object section_schema(std::string_view section) {
    json::object properties;
    for (auto const& one : settings())
        if (one.section == section) properties[one.name] = setting_schema(one);
    return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

// An enabled milter needs a socket.
json::object milter_schema() {
    json::object properties{{"name", json::object{{"type", "string"}}},
                            {"locations", json::object{{"$ref", "#/$defs/locations"}}}};
    for (auto const& one : milter_settings())
        properties[one.name] = setting_schema(one);
    json::object const disabled{
        {"required", json::array{"enabled"}},
        {"properties", json::object{{"enabled", json::object{{"enum", json::array{false, nullptr}}}}}}};
    return {{"type", "object"},
            {"required", json::array{"name"}},
            {"additionalProperties", false},
            {"properties", std::move(properties)},
            {"if", disabled},
            {"else", json::object{{"required", json::array{"connection_spec"}}}}};
}

json::object hooks_schema() {
    auto const hook = [](std::string_view needs, json::object form, std::string_view instead) {
        return json::object{
            {"type", "object"},
            {"required", json::array{needs}},
            {"properties", json::object{{needs, std::move(form)},
                                        {instead, false},
                                        {"name", json::object{{"type", json::array{"string", "null"}}}},
                                        {"location", json::object{{"$ref", "#/$defs/location"}}}}}};
    };
    auto const block = hook("ask", {{"type", "integer"}, {"minimum", 0}, {"maximum", 4'294'967'295}}, "kind");
    json::object properties;
    for (auto const kind : hook_kinds)
        properties[kind] = array_of(block);
    auto const native = hook("kind", {{"const", native_kind}}, "ask");
    properties[hook_kinds.front()] = array_of({{"anyOf", json::array{block, native}}});
    return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

json::object detection_schema() {
    json::object const text{{"type", "string"}};
    json::object const looked_at{
        {"type", "object"},
        {"required", json::array{"path", "found"}},
        {"properties", json::object{{"path", text}, {"found", json::object{{"type", "boolean"}}}}}};
    return array_of({{"type", "object"},
                     {"required", json::array{"name", "outcome", "looked_at"}},
                     {"properties",
                      json::object{{"name", text}, {"outcome", text}, {"looked_at", array_of(looked_at)}}}});
}

} // namespace

json::object array_of(json::object items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}

json::object schema() {
    json::object properties;
    for (auto const section : sections)
        properties[section] = section_schema(section);
    properties["milters"] = array_of(milter_schema());
    properties["conditions"] = array_of({{"$ref", "#/$defs/condition"}});
    properties["hooks"] = hooks_schema();
    properties["detection"] = detection_schema();
    properties["files"] = array_of({{"type", "string"}});
    properties["locations"] = {{"$ref", "#/$defs/locations"}};
    properties["complaints"] = {{"description", "What was found to be wrong already; each is an error."},
                                {"type", "array"},
                                {"maxItems", 0}};
    auto definitions = condition_schemas();
    definitions["location"] = {{"description", "FILE:LINE"}, {"type", json::array{"string", "null"}}};
    definitions["locations"] = {{"type", "object"},
                                {"additionalProperties", json::object{{"$ref", "#/$defs/location"}}}};
    return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
            {"$id", fmt::format("urn:milter-manager:configuration:{}", built_in::version)},
            {"title", "Configuration of milter manager"},
            {"type", "object"},
            {"additionalProperties", false},
            {"properties", std::move(properties)},
            {"$defs", std::move(definitions)}};
}

} // namespace milter::config
