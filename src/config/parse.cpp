#include "config/parse.hpp"

#include "config/commands.hpp"
#include "config/conditions.hpp"
#include "config/expressions.hpp"
#include "config/hooks.hpp"
#include "config/inspect.hpp"
#include "config/nearest.hpp"
#include "config/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>

#include <boost/json/stream_parser.hpp>
#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 14> top_level{
    "package", "security",   "log",   "manager",   "controller", "metrics",   "database",
    "milters", "conditions", "files", "locations", "complaints", "detection", "hooks"};

std::string string_or(json::value const* given, std::string_view otherwise) {
    auto const* text = given ? given->if_string() : nullptr;
    return std::string(text ? std::string_view(*text) : otherwise);
}

template <class Owner>
setting<Owner> const* find(std::span<setting<Owner> const> table, std::string_view section,
                           std::string_view name) {
    auto const found = std::find_if(table.begin(), table.end(), [&](auto const& one) {
        return one.section == section && one.name == name;
    });
    return found == table.end() ? nullptr : &*found;
}

template <class Owner>
std::string_view nearest_in(std::span<setting<Owner> const> table, std::string_view section,
                            std::string_view name) {
    std::vector<std::string_view> known;
    for (auto const& one : table) {
        if (one.section == section) known.push_back(one.name);
    }
    return nearest(name, known);
}

// Stores a judged value; true when the place of its assignment is worth telling: an assigned nil takes it
// back, but for attributes of milters.
template <class Owner>
bool store(setting<Owner> const& at, Owner& owner, value const& to, bool was_nil) {
    static Owner const untouched{};
    bool const empty = std::holds_alternative<std::monostate>(to);
    auto const standard = at.field.get(untouched);
    at.field.set(owner, empty && !at.field.can_be_empty ? standard : to);
    if (at.origin == origin::never_told) return false;
    if (at.origin == origin::unless_default && at.field.get(owner) == standard) return false;
    return !was_nil || at.rule.type == type::boolean || std::is_same_v<Owner, milter>;
}

class reading {
public:
    explicit reading(std::string_view source) : source_(source) {}

    void read(json::object const& top);
    void override_by(override_value const& given);
    void finish();

    snapshot result;
    std::vector<complaint> complaints;

private:
    void complain(std::string where, std::string what) {
        complaints.push_back({std::move(where), std::move(what)});
    }
    void read_complaints(json::value const& list);
    void read_files(json::value const& list);
    void keep_detection(json::value const& list);
    void read_applied(json::value const& list, milter& into);
    void apply_conditions(milter& to);
    void read_section(std::string_view section, json::value const& given);
    void read_milters(json::value const& list);
    void read_milter(json::object const& given);
    template <class Owner>
    void read_setting(std::span<setting<Owner> const> table, std::string_view section, std::string_view name,
                      json::value const& given, std::string const& where, Owner& owner, locations& told);

    std::string source_;
    locations where_; // "manager.n_workers" -> "FILE:LINE", of all assignments
};

template <class Owner>
void reading::read_setting(std::span<setting<Owner> const> table, std::string_view section,
                           std::string_view name, json::value const& given, std::string const& where,
                           Owner& owner, locations& told) {
    auto const* known = find(table, section, name);
    if (!known) {
        complain(where, fmt::format("unknown setting {}.{}; the nearest known name is {}.{}", section, name,
                                    section, nearest_in(table, section, name)));
        return;
    }
    auto const judged = judge(known->rule, given);
    if (!judged) {
        complain(where, fmt::format("{}.{} {}", section, name, judged.error()));
    } else if (store(*known, owner, *judged, given.is_null())) {
        told.insert_or_assign(std::string(name), where);
    }
}

void reading::read(json::object const& top) {
    if (auto const* places = top.if_contains("locations"); places && places->is_object()) {
        for (auto const& [name, place] : places->as_object())
            where_[name] = string_or(&place, source_);
    }
    for (auto const& [name, given] : top) {
        if (std::find(std::begin(sections), std::end(sections), name) != std::end(sections)) {
            read_section(name, given);
        } else if (name == "complaints") {
            read_complaints(given);
        } else if (name == "files") {
            read_files(given);
        } else if (name == "conditions") {
            read_conditions(given, source_, result, complaints);
        } else if (name == "detection") {
            keep_detection(given);
        } else if (name == "hooks") {
            read_hooks(given, source_, result, complaints);
        } else if (name == "milters") {
            read_milters(given);
        } else if (name != "locations") {
            complain(source_, fmt::format("unknown part {}; the nearest known name is {}",
                                          inspect(std::string_view(name)), nearest(name, top_level)));
        }
    }
}

void reading::read_complaints(json::value const& list) {
    if (!list.is_array()) return complain(source_, "\"complaints\" is not an array; leave it away");
    for (auto const& one : list.as_array()) {
        auto const* given = one.if_object();
        complain(string_or(given ? given->if_contains("where") : nullptr, source_),
                 string_or(given ? given->if_contains("what") : nullptr, inspect(one)));
    }
}

void reading::read_files(json::value const& list) {
    if (!list.is_array()) return complain(source_, "\"files\" is not an array; an array of names is allowed");
    for (auto const& one : list.as_array())
        result.files.push_back(string_or(&one, ""));
}

void reading::keep_detection(json::value const& list) {
    auto found = read_detection(list);
    if (!found) return complain(source_, "\"detection\" has another shape than expected; leave it away");
    result.detection = std::move(*found);
}

void reading::read_section(std::string_view section, json::value const& given) {
    if (!given.is_object()) {
        return complain(source_, fmt::format("{} is not an object; {{NAME: VALUE}} is allowed", section));
    }
    locations told;
    for (auto const& [name, to] : given.as_object()) {
        auto const place = where_.find(fmt::format("{}.{}", section, std::string_view(name)));
        read_setting(settings(), section, name, to, place == where_.end() ? source_ : place->second, result,
                     told);
        if (!to.is_null()) result.given.insert(fmt::format("{}.{}", section, std::string_view(name)));
    }
    for (auto& [name, place] : told)
        result.locations[fmt::format("{}.{}", section, name)] = std::move(place);
}

void reading::read_milters(json::value const& list) {
    if (!list.is_array())
        return complain(source_, "\"milters\" is not an array; [{\"name\": ...}] is allowed");
    for (auto const& one : list.as_array()) {
        if (auto const* given = one.if_object()) {
            read_milter(*given);
        } else {
            complain(source_, fmt::format("a milter is {}; an object is allowed", inspect(one)));
        }
    }
}

void reading::read_milter(json::object const& given) {
    milter one;
    auto const* places = given.if_contains("locations");
    auto const place_of = [&](std::string_view name) {
        auto const* all = places ? places->if_object() : nullptr;
        return string_or(all ? all->if_contains(name) : nullptr, source_);
    };
    auto const defined = place_of("define_milter");
    one.locations["define_milter"] = defined;

    auto const* name = given.if_contains("name");
    if (!name || !name->is_string())
        return complain(defined, "a milter without a name; its \"name\" must be a text");
    one.child.name = string_or(name, "");
    auto const called = inspect(one.child.name);
    auto const same = [&](milter const& other) { return other.child.name == one.child.name; };
    if (std::any_of(result.milters.begin(), result.milters.end(), same)) {
        complain(defined, fmt::format("a second milter {}; a name is allowed once", called));
    }
    auto const before = complaints.size();
    for (auto const& [attribute, to] : given) {
        if (attribute == "name" || attribute == "locations") continue;
        auto const place = place_of(attribute);
        read_setting(milter_settings(), "milter", attribute, to, place == source_ ? defined : place, one,
                     one.locations);
    }
    if (auto const* applied = given.if_contains("applicable_conditions")) read_applied(*applied, one);
    for (auto at = before; at < complaints.size(); ++at) {
        complaints[at].what = fmt::format("define_milter({}): {}", called, complaints[at].what);
    }
    if (one.enabled && !given.contains("connection_spec")) {
        complain(defined,
                 fmt::format("define_milter({}): no connection_spec; an enabled milter needs one", called));
    }
    result.milters.push_back(std::move(one));
}

void reading::override_by(override_value const& given) {
    locations not_told; // configuration 12: what comes from the command line is shown without a place
    read_setting(settings(), given.section, given.name, given.to, given.where, result, not_told);
    result.locations.erase(given.section + "." + given.name);
    result.given.insert(given.section + "." + given.name);
}

// Which definition of its conditions a milter means, and where it said so; the names have been judged.
void reading::read_applied(json::value const& list, milter& into) {
    for (auto const& one : list.is_array() ? list.as_array() : json::array()) {
        auto const* const given = one.if_object();
        into.condition_places.push_back(string_or(given ? given->if_contains("location") : nullptr, ""));
        auto const* const definition = given ? given->if_contains("condition") : nullptr;
        into.condition_definitions.push_back(definition && definition->is_int64() ? definition->as_int64()
                                                                                  : -1);
    }
}

void reading::apply_conditions(milter& to) {
    auto const& all = result.conditions;
    for (std::size_t n = 0; n < to.applicable_conditions.size(); ++n) {
        auto const& name = to.applicable_conditions[n];
        auto const meant = to.condition_definitions[n];
        auto found = meant < 0 ? static_cast<std::int64_t>(all.size()) - 1 : meant;
        while (meant < 0 && found >= 0 && all[static_cast<std::size_t>(found)].name != name)
            --found;
        if (found >= 0 && found < static_cast<std::int64_t>(all.size())) {
            to.child.conditions.push_back(static_cast<std::uint32_t>(found));
            continue;
        }
        names known;
        for (auto const& one : all)
            known.push_back(one.name);
        auto const& place = to.condition_places[n];
        complain(place.empty() ? to.locations["define_milter"] : place,
                 fmt::format("define_milter({}): applicable condition should be one of {} but was {}",
                             inspect(to.child.name), inspect(value(known)), inspect(name)));
    }
}

// Builds what sessions read out of what was defined.
void reading::finish() {
    auto& live = result.live;
    live.policy.worker_timeout = live.worker_timeout;
    if (!built_in::has_metrics && result.sockets.metrics.where)
        complain(where_.contains("metrics.connection_spec") ? where_["metrics.connection_spec"] : source_,
                 "metrics.connection_spec: this program was built without metrics (MILTER_METRICS=OFF); nil "
                 "is allowed");
    if (!result.hooks.connection_checkers.empty())
        live.policy.client_check_interval = live.connection_check_interval;
    for (auto& one : result.milters) {
        apply_conditions(one);
        for (auto& complaint : complaints_about_command(one))
            complaints.push_back(std::move(complaint));
        if (!one.where) continue;
        one.child.where = *one.where;
        if (one.enabled) result.live.policy.children.push_back(one.child);
    }
}

// What a value says is quoted in complaints; it does not begin another line there.
void keep_to_one_line(std::string& text) {
    std::string shown;
    for (char const c : text) {
        bool const control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
        shown += c == '\n' ? "\\n" : control ? fmt::format("\\x{:02X}", c) : std::string(1, c);
    }
    text = std::move(shown);
}

// Puts complaints in the order in which a reader of the files meets them.
void sort_by_place(std::vector<complaint>& all, std::vector<std::string> const& files) {
    auto const place = [&](complaint const& one) {
        auto const colon = std::min(one.where.rfind(':'), one.where.size());
        std::uint64_t line = 0;
        std::from_chars(one.where.data() + std::min(colon + 1, one.where.size()),
                        one.where.data() + one.where.size(), line);
        auto const file =
            std::find(files.begin(), files.end(), one.where.substr(0, line == 0 ? std::string::npos : colon));
        return std::pair(file - files.begin(), line);
    };
    std::stable_sort(all.begin(), all.end(),
                     [&](complaint const& a, complaint const& b) { return place(a) < place(b); });
}

// The place of byte n of the text.
std::string line_and_column(std::string_view text, std::size_t n) {
    auto const before = text.substr(0, n);
    auto const line = 1 + std::count(before.begin(), before.end(), '\n');
    auto const last_break = before.rfind('\n');
    return fmt::format("{}:{}", line, last_break == std::string_view::npos ? n + 1 : n - last_break);
}

tl::expected<json::value, complaint> parse_json(std::string_view text, std::string_view source) {
    json::stream_parser parser;
    json::error_code failed;
    auto const read = parser.write_some(text.data(), text.size(), failed);
    if (!failed && read < text.size()) failed = json::error::extra_data;
    if (!failed) parser.finish(failed);
    if (!failed) return parser.release();
    return tl::unexpected(complaint{fmt::format("{}:{}", source, line_and_column(text, read)),
                                    fmt::format("not JSON: {}; see configuration-json", failed.message())});
}

} // namespace

tl::expected<snapshot, std::vector<complaint>> parse(std::string_view text, std::string_view source,
                                                     std::span<override_value const> overrides) {
    auto const parsed = parse_json(text, source);
    if (!parsed) return tl::unexpected(std::vector{parsed.error()});
    reading all(source);
    if (auto const* top = parsed->if_object()) {
        all.read(*top);
    } else {
        all.complaints.push_back(
            {std::string(source), "the whole is not an object; {\"manager\": {...}} is allowed"});
    }
    for (auto const& one : overrides)
        all.override_by(one);
    all.finish();
    if (!all.complaints.empty()) {
        sort_by_place(all.complaints, all.result.files);
        for (auto& one : all.complaints) {
            keep_to_one_line(one.where);
            keep_to_one_line(one.what);
        }
        return tl::unexpected(std::move(all.complaints));
    }
    return std::move(all.result);
}

std::optional<complaint> problem_of(override_value const& given) {
    reading nothing("");
    nothing.override_by(given);
    if (nothing.complaints.empty()) return std::nullopt;
    return nothing.complaints.front();
}

} // namespace milter::config
