#include "core/macros.hpp"

#include <algorithm>

namespace milter::core {

namespace {

bool contains(auto const& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::span<std::string const> extra_of(child_agreement const& child, wire::macro_stage at) {
    auto const extra = child.extra.find(at);
    return extra == child.extra.end() ? std::span<std::string const>() : extra->second;
}

} // namespace

void macro_store::store(wire::macros const& packet) {
    auto const at = stage_of(packet.for_command);
    if (!at) return;
    pairs_.at(index(*at)) = packet.pairs.bytes();
    fresh_.at(index(*at)) = known_.at(index(*at)) = true;
}

void macro_store::clear(stage at) {
    fresh_.at(index(at)) = known_.at(index(at)) = false;
    pairs_.at(index(at)).clear();
}

void macro_store::begin(stage at) {
    if (!fresh(at)) clear(at);
}

void macro_store::forget_message() {
    for (auto const at : {stage::rcpt, stage::data, stage::end_of_headers, stage::end_of_message})
        clear(at);
    if (!fresh(stage::mail)) clear(stage::mail); // else they are the new sender's already
}

void macro_store::forget_all() {
    fresh_.fill(false);
    known_.fill(false);
    pairs_.fill({});
}

std::string_view macro_store::value(stage at, std::string_view name) const {
    wire::macros all{code_of(at), wire::strings(pairs_.at(index(at)))};
    while (auto const pair = all.next())
        if (bare_name(pair->first) == name) return pair->second;
    return {};
}

std::string_view macro_store::find(std::string_view name) const {
    for (auto at = stage_count; at-- > 0;)
        if (auto const found = value(static_cast<stage>(at), name); !found.empty()) return found;
    return {};
}

macro_values macro_store::all() const {
    macro_values values;
    for (std::size_t at = 0; at < stage_count; ++at) {
        wire::macros pairs{code_of(static_cast<stage>(at)), wire::strings(pairs_.at(at))};
        while (auto const pair = pairs.next()) {
            auto const name = bare_name(pair->first);
            auto const known = std::find_if(values.begin(), values.end(),
                                            [&](auto const& one) { return one.first == name; });
            if (known == values.end())
                values.emplace_back(name, pair->second);
            else
                known->second = pair->second;
        }
    }
    return values;
}

void macro_store::set_lists(mta_agreement const& asked, mta_kind assumed) {
    assumed_ = assumed;
    requested_ = {};
    wire::negotiated lists{asked.version, asked.actions, asked.steps, asked.macro_lists};
    while (auto const list = lists.next())
        requested_.at(list->stage) = split_macro_names(list->names);
}

bool macro_store::only_for_others(wire::macro_stage at, std::string_view name) const {
    auto const& requested = requested_.at(static_cast<std::size_t>(at));
    return contains(requested, name) && !contains(default_macros(at, assumed_), name);
}

namespace {

// Filters ignore what comes for a header or a piece of the body (protocol 5.1): told with what comes next.
stage told_at(own_macro const& one) {
    if (one.at == stage::header) return stage::end_of_headers;
    return one.at == stage::body ? stage::end_of_message : one.at;
}

} // namespace

void macro_store::append(std::string& out, stage at, child_agreement const& child,
                         std::span<own_macro const> own, bool repeated) const {
    auto const list_at = macros_of(at);
    if (!list_at) return; // L, B, U: filters ignore theirs (protocol 5.1)
    auto const& wanted = child.macros.at(static_cast<std::size_t>(*list_at));
    bool const present = fresh(at) || (repeated && known_.at(index(at)));
    bool const from_mta = present && !(wanted && wanted->empty() && extra_of(child, *list_at).empty());
    bool const from_conditions =
        std::any_of(own.begin(), own.end(), [at](own_macro const& one) { return told_at(one) == at; });
    if (!from_mta && !from_conditions) return;
    char const code = code_of(at);
    bool const untouched = !wanted && requested_.at(static_cast<std::size_t>(*list_at)).empty();
    if (untouched && !from_conditions) {
        wire::append_frame(out, wire::macros::code, std::string_view(&code, 1), pairs_.at(index(at)));
        return;
    }
    std::string kept;
    if (from_mta) append_pairs(kept, at, child, own);
    for (auto const& one : own) {
        if (told_at(one) != at) continue;
        wire::append_string(kept, one.name.size() > 1 ? "{" + one.name + "}" : one.name);
        wire::append_string(kept, one.value);
    }
    wire::append_frame(out, wire::macros::code, std::string_view(&code, 1), kept);
}

// The MTA's, as far as the child asked for them and its conditions have not set others.
void macro_store::append_pairs(std::string& kept, stage at, child_agreement const& child,
                               std::span<own_macro const> own) const {
    auto const list_at = *macros_of(at);
    auto const& wanted = child.macros.at(static_cast<std::size_t>(list_at));
    auto const extra = extra_of(child, list_at);
    wire::macros all{code_of(at), wire::strings(pairs_.at(index(at)))};
    while (auto const pair = all.next()) {
        auto const name = bare_name(pair->first);
        bool const hidden = wanted ? !contains(*wanted, name) : only_for_others(list_at, name);
        bool const besides =
            std::any_of(extra.begin(), extra.end(), [&](auto const& one) { return bare_name(one) == name; });
        if (hidden && !besides) continue;
        bool const replaced = std::any_of(own.begin(), own.end(), [&](own_macro const& one) {
            return told_at(one) == at && one.name == name;
        });
        if (replaced) continue;
        wire::append_string(kept, pair->first);
        wire::append_string(kept, pair->second);
    }
}

} // namespace milter::core
