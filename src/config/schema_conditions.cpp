#include "config/expression_forms.hpp"
#include "config/schema.hpp"

#include <span>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;

json::object typed(std::string_view type) {
    return {{"type", type}};
}

json::object reference(std::string_view name) {
    return {{"$ref", fmt::format("#/$defs/{}", name)}};
}

json::object one_of(std::span<std::string_view const> words) {
    return {{"enum", json::array(words.begin(), words.end())}};
}

// No other name may stand in it.
json::object closed(json::object properties, json::array required = {}) {
    json::object made{
        {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
    if (!required.empty()) made["required"] = std::move(required);
    return made;
}

json::object time_schema() {
    json::object const clock{{"type", "string"}, {"pattern", "^0*(?:[0-9]|1[0-9]|2[0-4]):0*[0-5]?[0-9]$"}};
    std::string days;
    for (auto const day : day_names) {
        if (!days.empty()) days += '|';
        for (char const c : day)
            days += fmt::format("[{}{}]", c, static_cast<char>(c - 'a' + 'A'));
    }
    json::object const day{{"type", "string"}, {"pattern", fmt::format("^(?:{})", days)}};
    return {{"type", "object"},
            {"properties",
             json::object{{"from", clock},
                          {"to", clock},
                          {"days", json::object{{"anyOf", json::array{array_of(day), typed("null")}}}}}}};
}

json::object dns_lists_schema() {
    json::object const service{
        {"type", "object"},
        {"required", json::array{"domain"}},
        {"properties", json::object{{"domain", typed("string")},
                                    {"expected", json::object{{"type", json::array{"string", "null"}}}}}}};
    return {{"type", "object"},
            {"required", json::array{"services"}},
            {"properties", json::object{{"services", array_of(service)},
                                        {"name_servers", array_of(typed("string"))},
                                        {"timeout", json::object{{"type", "number"},
                                                                 {"minimum", 0.001},
                                                                 {"maximum", longest_look_up_s}}}}}};
}

json::object schema_of(part what) {
    switch (what) {
    case part::nothing:
        break;
    case part::flag:
        return typed("boolean");
    case part::yes:
        return {{"const", true}};
    case part::expression:
        return reference("expression");
    case part::expressions:
        return array_of(reference("expression"));
    case part::networks:
        return array_of(typed("string"));
    case part::family:
        return one_of(client_families);
    case part::side:
        return one_of(client_sides);
    case part::patterns:
        return array_of(reference("pattern"));
    case part::quantity:
        return one_of(quantities);
    case part::text:
        return typed("string");
    case part::number:
        return {{"type", "integer"}, {"minimum", 0}};
    case part::time:
        return time_schema();
    case part::dns_lists:
        return dns_lists_schema();
    case part::results:
        return array_of(one_of(milter_results));
    }
    return {};
}

json::object form_schema(expression_form const& form) {
    json::object properties{{form.key, schema_of(form.part)}, {"location", reference("location")}};
    json::array required{form.key};
    for (auto const& one : form.beside) {
        if (one.name.empty()) continue;
        properties[one.name] = schema_of(one.part);
        if (one.needed) required.emplace_back(one.name);
    }
    return closed(std::move(properties), std::move(required));
}

json::object pattern_schema() {
    json::array forms{typed("string")};
    for (auto const kind : pattern_kinds) {
        json::object properties{{kind, kind == "texts" ? array_of(typed("string")) : typed("string")},
                                {"location", reference("location")},
                                {"negate", typed("boolean")},
                                {"result", typed("boolean")}};
        if (kind == "text") properties["exact"] = typed("boolean");
        if (kind == "regexp") properties["options"] = {{"type", "string"}, {"pattern", "^[imx]*$"}};
        forms.emplace_back(closed(std::move(properties), {kind}));
    }
    return {{"anyOf", std::move(forms)}};
}

json::object rule_schema() {
    json::object const macro{
        {"anyOf", json::array{typed("string"),
                              json::object{{"type", "object"},
                                           {"required", json::array{"macro"}},
                                           {"properties", json::object{{"macro", typed("string")}}}}}}};
    json::object const at{{"at", one_of(rule_stages)}, {"location", reference("location")}};
    json::object stops = at;
    stops["stop"] = reference("expression");
    json::object sets = at;
    sets["set"] = {{"type", "object"},
                   {"propertyNames", json::object{{"minLength", 1}}},
                   {"additionalProperties", macro}};
    sets["when"] = reference("expression");
    sets["unset_only"] = typed("boolean");
    return {{"anyOf", json::array{closed(std::move(stops), {"stop"}), closed(std::move(sets), {"set"})}}};
}

json::object condition_schema() {
    return closed({{"name", json::object{{"type", "string"}, {"minLength", 1}}},
                   {"description", json::object{{"type", json::array{"string", "null"}}}},
                   {"location", reference("location")},
                   {"locations", reference("locations")},
                   {"replaced", json::object{{"type", json::array{"boolean", "null"}}}},
                   {"rules", array_of(reference("rule"))}},
                  {"name"});
}

} // namespace

json::object condition_schemas() {
    json::array forms;
    for (auto const& form : expression_forms())
        forms.emplace_back(form_schema(form));
    return {{"condition", condition_schema()},
            {"rule", rule_schema()},
            {"expression", json::object{{"anyOf", std::move(forms)}}},
            {"pattern", pattern_schema()}};
}

} // namespace milter::config
