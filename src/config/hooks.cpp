#include "config/hooks.hpp"

#include "config/expression_forms.hpp"
#include "config/inspect.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;

std::optional<hook> read_hook(json::value const& given, std::string_view source, bool may_be_native) {
    auto const* const parts = given.if_object();
    auto const* const kind = parts ? parts->if_contains("kind") : nullptr;
    auto const* const ask = parts ? parts->if_contains("ask") : nullptr;
    bool const native = may_be_native && kind && !ask && *kind == json::value(native_kind);
    boost::system::error_code failed;
    auto const id = ask ? ask->to_number<std::uint32_t>(failed) : 0;
    if (!native && (!ask || kind || failed)) return std::nullopt;
    auto const text = [&](std::string_view name, std::string_view otherwise) {
        auto const* const found = parts->if_contains(name);
        return std::string(found && found->is_string() ? std::string_view(found->as_string()) : otherwise);
    };
    return hook{id, native, text("name", ""), text("location", source)};
}

} // namespace

void read_hooks(json::value const& given, std::string_view source, snapshot& into,
                std::vector<complaint>& complaints) {
    std::array<std::vector<hook>*, 3> const lists{&into.hooks.connection_checkers, &into.hooks.maintained,
                                                  &into.hooks.event_loop_created};
    auto const complain = [&](std::string what) {
        complaints.push_back({std::string(source), std::move(what)});
    };
    auto const* const all = given.if_object();
    if (!all) return complain("\"hooks\" is not an object; {\"maintained\": [{\"ask\": NUMBER}]} is allowed");
    for (auto const& [name, list] : *all) {
        auto const at = std::find(hook_kinds.begin(), hook_kinds.end(), name);
        if (at == hook_kinds.end() || !list.is_array()) {
            complain(fmt::format("\"hooks\" has {}; arrays with the names {} are allowed",
                                 inspect(std::string_view(name)), fmt::join(hook_kinds, ", ")));
            continue;
        }
        for (auto const& one : list.as_array()) {
            if (auto read = read_hook(one, source, name == hook_kinds.front()))
                lists[static_cast<std::size_t>(at - hook_kinds.begin())]->push_back(std::move(*read));
            else
                complain(fmt::format("a hook is {}; {{\"ask\": NUMBER}} is allowed", inspect(one)));
        }
    }
}

} // namespace milter::config
