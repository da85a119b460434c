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

void macro_store::append(std::string& out, stage at, child_agreement const& child, bool repeated) const {
    auto const list_at = macros_of(at);
    bool const present = fresh(at) || (repeated && known_.at(index(at)));
    if (!present || !list_at) return; // L, B, U: filters ignore theirs (protocol 5.1)
    auto const& pairs = pairs_.at(index(at));
    char const code = code_of(at);
    auto const& own = child.macros.at(static_cast<std::size_t>(*list_at));
    auto const extra = extra_of(child, *list_at);
    if (own && own->empty() && extra.empty()) return;
    if (!own && requested_.at(static_cast<std::size_t>(*list_at)).empty()) {
        wire::append_frame(out, wire::macros::code, std::string_view(&code, 1), pairs);
        return;
    }
    std::string kept;
    wire::macros all{code, wire::strings(pairs)};
    while (auto const pair = all.next()) {
        auto const name = bare_name(pair->first);
        bool const hidden = own ? !contains(*own, name) : only_for_others(*list_at, name);
        bool const besides =
            std::any_of(extra.begin(), extra.end(), [&](auto const& one) { return bare_name(one) == name; });
        if (hidden && !besides) continue;
        wire::append_string(kept, pair->first);
        wire::append_string(kept, pair->second);
    }
    wire::append_frame(out, wire::macros::code, std::string_view(&code, 1), kept);
}

} // namespace milter::core
