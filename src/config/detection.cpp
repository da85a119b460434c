#include "config/detection.hpp"

#include "config/snapshot.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;

std::optional<std::string> text_of(json::object const& given, std::string_view name) {
    auto const* found = given.if_contains(name);
    auto const* text = found ? found->if_string() : nullptr;
    return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::optional<std::vector<looked_at>> read_looked_at(json::object const& given) {
    auto const* found = given.if_contains("looked_at");
    auto const* list = found ? found->if_array() : nullptr;
    if (!list) return std::nullopt;
    std::vector<looked_at> all;
    for (auto const& one : *list) {
        auto const* entry = one.if_object();
        auto const path = entry ? text_of(*entry, "path") : std::nullopt;
        auto const* there = entry ? entry->if_contains("found") : nullptr;
        if (!path || !there || !there->is_bool()) return std::nullopt;
        all.push_back({*path, there->get_bool()});
    }
    return all;
}

std::optional<candidate> read_candidate(json::value const& one) {
    auto const* given = one.if_object();
    if (!given) return std::nullopt;
    auto const name = text_of(*given, "name");
    auto const outcome = text_of(*given, "outcome");
    auto looked = read_looked_at(*given);
    if (!name || !outcome || !looked) return std::nullopt;
    return candidate{.name = *name,
                     .detector = text_of(*given, "detector").value_or(""),
                     .location = text_of(*given, "location").value_or(""),
                     .outcome = *outcome,
                     .why = text_of(*given, "why").value_or(""),
                     .connection_spec = text_of(*given, "connection_spec"),
                     .spec_from = text_of(*given, "spec_from"),
                     .warning = text_of(*given, "warning"),
                     .looked_at = std::move(*looked)};
}

std::string location_of(milter const& one, std::string_view attribute) {
    auto const found = one.locations.find(attribute);
    return found == one.locations.end() ? "" : " by " + found->second;
}

// What later lines of the configuration changed of it; "" when nothing.
std::string changed(candidate const& found, snapshot const& what) {
    if (found.outcome != "enabled" && found.outcome != "disabled") return {};
    auto const now = std::find_if(what.milters.begin(), what.milters.end(),
                                  [&](auto const& one) { return one.child.name == found.name; });
    if (now == what.milters.end()) return "removed by the configuration";
    std::string text;
    if (now->enabled != (found.outcome == "enabled")) {
        text = fmt::format("{}{}", now->enabled ? "enabled" : "disabled", location_of(*now, "enabled"));
    }
    if (now->where && now->where->written != found.connection_spec) {
        text += fmt::format("{}socket {}{}", text.empty() ? "" : ", ", now->where->written,
                            location_of(*now, "connection_spec"));
    }
    return text;
}

void add(std::string& to, std::string_view label, std::string_view what) {
    if (!what.empty()) to += fmt::format("    {:<10} {}\n", label, what);
}

std::string paragraph(candidate const& one, snapshot const& what) {
    std::string text = fmt::format("{}: {}\n", one.name, one.outcome);
    add(text, "why", one.why);
    if (one.connection_spec) {
        add(text, "socket", fmt::format("{} ({})", *one.connection_spec, one.spec_from.value_or("?")));
    }
    add(text, "in force", changed(one, what));
    add(text, "asked at", fmt::format("{} ({})", one.location, one.detector));
    std::string_view label = "looked at";
    for (auto const& file : one.looked_at) {
        add(text, label, fmt::format("{}{}", file.found ? "" : "no ", file.path));
        label = "";
    }
    return text;
}

} // namespace

std::optional<std::vector<candidate>> read_detection(json::value const& list) {
    auto const* all = list.if_array();
    if (!all) return std::nullopt;
    std::vector<candidate> result;
    for (auto const& one : *all) {
        auto read = read_candidate(one);
        if (!read) return std::nullopt;
        result.push_back(std::move(*read));
    }
    return result;
}

std::vector<std::string> detection_warnings(snapshot const& what) {
    std::vector<std::string> lines;
    for (auto const& one : what.detection)
        if (one.warning) lines.push_back(fmt::format("{}; {} takes no part", *one.warning, one.name));
    return lines;
}

std::string explain_detection(snapshot const& what) {
    if (what.detection.empty()) {
        return "Nothing was looked for: the configuration calls no detector (load_default does, for a known "
               "package.platform).\n";
    }
    std::string text;
    for (auto const& one : what.detection)
        text += (text.empty() ? "" : "\n") + paragraph(one, what);
    return text;
}

} // namespace milter::config
