#include "config/conditions.hpp"

#include "config/expression_forms.hpp"
#include "config/expressions.hpp"
#include "config/inspect.hpp"
#include "config/nearest.hpp"
#include "core/negotiation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;

// As rule_stages.
constexpr std::array<core::stage, rule_stages.size()> stages{
    core::stage::connect,        core::stage::helo, core::stage::mail,
    core::stage::rcpt,           core::stage::data, core::stage::header,
    core::stage::end_of_headers, core::stage::body, core::stage::end_of_message};

std::string text_or(json::object const& of, std::string_view name, std::string_view otherwise) {
    auto const* const given = of.if_contains(name);
    auto const* const text = given ? given->if_string() : nullptr;
    return std::string(text ? std::string_view(*text) : otherwise);
}

class rule_reader {
public:
    rule_reader(std::vector<core::question_source>& questions, std::vector<complaint>& complaints)
        : complaints_(complaints), expressions_(questions, complaints) {}

    std::optional<core::rule> read(json::value const& given, std::string const& condition_place);

private:
    void complain(std::string what) { complaints_.push_back({where_, std::move(what)}); }
    bool read_stage(json::value const& given, core::rule& into);
    void read_macros(json::value const& given, core::rule& into);

    std::vector<complaint>& complaints_;
    expression_reader expressions_;
    std::string where_;
};

std::optional<core::rule> rule_reader::read(json::value const& given, std::string const& condition_place) {
    where_ = condition_place;
    auto const* const parts = given.if_object();
    if (!parts) {
        complain("a rule is " + inspect(given) + "; {\"at\": STAGE, \"stop\": EXPRESSION} is allowed");
        return std::nullopt;
    }
    core::rule made;
    made.where = where_ = text_or(*parts, "location", condition_place);
    if (auto wrong = unknown_name(*parts, rule_names, "a rule"); !wrong.empty()) {
        complain(std::move(wrong));
        return std::nullopt;
    }
    auto const* const stop = parts->if_contains("stop");
    auto const* const set = parts->if_contains("set");
    if ((stop != nullptr) == (set != nullptr)) {
        complain("a rule must have \"stop\" or \"set\", and not both");
        return std::nullopt;
    }
    if (stop && (parts->contains("when") || parts->contains("unset_only"))) {
        complain("a rule has \"when\" or \"unset_only\" beside \"stop\"; they are for \"set\"");
        return std::nullopt;
    }
    made.stops = stop != nullptr;
    if (stop) made.when = expressions_.read(*stop, where_);
    if (set) {
        read_macros(*set, made);
        if (auto const* const when = parts->if_contains("when")) made.when = expressions_.read(*when, where_);
        if (auto const* const only = parts->if_contains("unset_only")) {
            if (!only->is_bool())
                complain("\"unset_only\" is " + inspect(*only) + "; true or false is allowed");
            made.unset_only = *only == json::value(true);
        }
    }
    auto const* const at = parts->if_contains("at");
    made.at = expression_reader::known_at(made.when);
    if (at && !read_stage(*at, made)) return std::nullopt;
    return made;
}

bool rule_reader::read_stage(json::value const& given, core::rule& into) {
    for (std::size_t n = 0; n < rule_stages.size(); ++n) {
        if (!given.is_string() || given.as_string() != rule_stages[n]) continue;
        into.at = stages[n];
        return true;
    }
    complain(fmt::format("no stage: {}; allowed are {}", inspect(given), fmt::join(rule_stages, ", ")));
    return false;
}

void rule_reader::read_macros(json::value const& given, core::rule& into) {
    auto const* const pairs = given.if_object();
    if (!pairs) return complain("\"set\" is " + inspect(given) + "; {\"MACRO\": \"VALUE\"} is allowed");
    for (auto const& [name, to] : *pairs) {
        auto const* const object = to.if_object();
        auto const* const source = object ? object->if_contains("macro") : nullptr;
        std::string const bare(core::bare_name(name));
        if (to.is_string() && !name.empty())
            into.macros.emplace_back(bare, std::string(to.as_string()));
        else if (source && source->is_string() && !name.empty())
            into.copies.emplace_back(bare, std::string(core::bare_name(source->as_string())));
        else
            complain(
                fmt::format("macro {} is {}; a text, or {{\"macro\": NAME}} for that one's value is allowed",
                            inspect(std::string_view(name)), inspect(to)));
    }
}

json::value without_places(json::value const& of) {
    if (auto const* const list = of.if_array()) {
        json::array kept;
        for (auto const& one : *list)
            kept.push_back(without_places(one));
        return kept;
    }
    auto const* const object = of.if_object();
    if (!object) return of;
    json::object kept;
    for (auto const& [name, part] : *object)
        if (name != "location" && name != "locations") kept[name] = without_places(part);
    return kept;
}

} // namespace

void read_conditions(json::value const& list, std::string_view source, snapshot& into,
                     std::vector<complaint>& complaints) {
    if (!list.is_array()) {
        complaints.push_back(
            {std::string(source), "\"conditions\" is not an array; [{\"name\": ...}] is allowed"});
        return;
    }
    auto& policy = into.live.policy;
    rule_reader rules(policy.questions, complaints);
    for (auto const& one : list.as_array()) {
        auto const* const given = one.if_object();
        if (!given) {
            complaints.push_back(
                {std::string(source), "a condition is " + inspect(one) + "; an object is allowed"});
            continue;
        }
        condition shown;
        core::condition made;
        shown.name = made.name = text_or(*given, "name", "");
        shown.locations["define_applicable_condition"] = made.where = text_or(*given, "location", source);
        if (made.name.empty())
            complaints.push_back({made.where, "a condition without a name; its \"name\" must be a text"});
        auto const* const description = given->if_contains("description");
        if (description && description->is_string())
            shown.description = std::string(description->as_string());
        if (auto const* const places = given->if_contains("locations"); places && places->is_object())
            for (auto const& [name, place] : places->as_object())
                if (place.is_string()) shown.locations[std::string(name)] = std::string(place.as_string());
        auto const* const replaced = given->if_contains("replaced");
        shown.written = json::serialize(without_places(one));
        shown.replaced = replaced && *replaced == json::value(true);
        auto const* const all = given->if_contains("rules");
        auto const before = complaints.size();
        if (auto wrong = unknown_name(*given, condition_names, "it"); !wrong.empty())
            complaints.push_back({made.where, std::move(wrong)});
        if (description && !description->is_string() && !description->is_null())
            complaints.push_back(
                {made.where, "description is " + inspect(*description) + "; a text, or nil is allowed"});
        if (all && !all->is_array())
            complaints.push_back({made.where, "rules are " + inspect(*all) +
                                                  "; an array like [{\"stop\": EXPRESSION}] is allowed"});
        for (auto const& rule : all && all->is_array() ? all->as_array() : json::array())
            if (auto read = rules.read(rule, made.where)) made.rules.push_back(std::move(*read));
        for (auto at = before; at < complaints.size(); ++at)
            complaints[at].what =
                fmt::format("define_applicable_condition({}): {}", inspect(made.name), complaints[at].what);
        into.conditions.push_back(std::move(shown));
        policy.conditions.push_back(std::move(made));
    }
}

} // namespace milter::config
