#include "config/expression_forms.hpp"

#include "config/inspect.hpp"
#include "config/nearest.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace milter::config {

namespace {

constexpr companion is_needed{"is", part::patterns, true};
constexpr companion is_if_any{"is", part::patterns, false};

constexpr expression_form table[] = {
    {"always", part::flag},
    {"not", part::expression},
    {"all", part::expressions},
    {"any", part::expressions},
    {"authenticated", part::yes},
    {"postfix", part::yes},
    {"client_in", part::networks},
    {"client_family", part::family},
    {"client", part::side, {{{"local", part::networks}, {"remote", part::networks}}}},
    {"host", part::patterns},
    {"helo", part::patterns},
    {"sender", part::patterns},
    {"sender_domain", part::patterns},
    {"recipient", part::patterns},
    {"recipients", part::quantity, {{is_needed}}},
    {"macro", part::text, {{is_if_any}}},
    {"header", part::text, {{is_needed}}},
    {"size_over", part::number},
    {"time", part::time},
    {"sessions_at_least", part::number},
    {"child", part::text, {{{"said", part::results, true}}}},
    {"dnsbl", part::dns_lists},
    {"ask", part::number},
};

std::vector<std::string_view> all_keys() {
    std::vector<std::string_view> keys;
    for (auto const& one : table)
        keys.push_back(one.key);
    return keys;
}

std::ptrdiff_t keys_in(boost::json::object const& given) {
    return std::count_if(std::begin(table), std::end(table),
                         [&](auto const& one) { return given.contains(one.key); });
}

} // namespace

std::span<expression_form const> expression_forms() {
    return table;
}

expression_form const* form_of(boost::json::object const& given) {
    if (keys_in(given) != 1) return nullptr;
    return std::find_if(std::begin(table), std::end(table),
                        [&](auto const& one) { return given.contains(one.key); });
}

std::string misnamed(boost::json::object const& given) {
    auto const* const form = form_of(given);
    if (!form) {
        auto const first =
            given.empty() ? std::string_view("nothing") : std::string_view(given.begin()->key());
        return fmt::format(
            "an expression must have one of the known keys, but has {}; the nearest to {} is {}",
            keys_in(given) == 0 ? "none" : "several", inspect(first), nearest(first, all_keys()));
    }
    std::vector<std::string_view> known{form->key, "location"};
    for (auto const& one : form->beside)
        if (!one.name.empty()) known.push_back(one.name);
    return unknown_name(given, known, fmt::format("an expression with {}", inspect(form->key)));
}

std::string unknown_name(boost::json::object const& given, std::span<std::string_view const> known,
                         std::string_view what) {
    for (auto const& [name, to] : given)
        if (std::find(known.begin(), known.end(), name) == known.end())
            return fmt::format("{} has an unknown {}; the nearest known name is {}", what,
                               inspect(std::string_view(name)), nearest(name, known));
    return {};
}

} // namespace milter::config
