// Edits in short, and random histories of a message's header, for the tests of core/headers. Knows nothing of
// how edits are applied.
#pragma once

#include "core/headers.hpp"

#include "unit/core/mta_model.hpp"

#include <random>
#include <string>
#include <vector>

namespace milter::core::test {

inline edit add(std::string name, std::string value) {
    return {edit::kind::add_header, 0, std::move(name), std::move(value)};
}
inline edit insert(std::uint32_t index, std::string name, std::string value) {
    return {edit::kind::insert_header, index, std::move(name), std::move(value)};
}
inline edit change(std::uint32_t index, std::string name, std::string value) {
    return {edit::kind::change_header, index, std::move(name), std::move(value)};
}
inline edit remove(std::uint32_t index, std::string name) {
    return change(index, std::move(name), "");
}

inline header_view view(header_list const& list) {
    header_view shown;
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list.shown(i)) shown.emplace_back(lower_case(list.at(i).name), list.at(i).value);
    return shown;
}

inline std::string words(edit const& one) {
    return std::string(1, "him"[static_cast<int>(one.what)]) + " " + std::to_string(one.index) + " " +
           one.name + ":" + one.value;
}

// A message and what the children do to it.
struct history {
    header_view fields;
    std::vector<std::vector<edit>> children;
};

inline std::string words(history const& all) {
    std::string text;
    for (auto const& [name, value] : all.fields)
        text += name + ":" + value + "\n";
    for (auto const& child : all.children) {
        text += "child\n";
        for (auto const& one : child)
            text += "  " + words(one) + "\n";
    }
    return text;
}

inline history random_history(std::mt19937& dice) {
    auto const below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(dice);
    };
    char const* const names[] = {"X-A", "x-a", "X-a", "Subject", "Received", "Return-Path", "X-B"};
    std::size_t number = 0;
    auto const name = [&] { return std::string(names[below(std::size(names))]); };
    auto const value = [&]() -> std::string {
        char const* const some[] = {"", " ", " same", " folded\n\tline", "\tx", "x"};
        if (below(3) == 0) return some[below(std::size(some))];
        return " " + std::to_string(++number);
    };
    history all;
    for (std::size_t n = below(9); n > 0; --n)
        all.fields.emplace_back(name(), value());
    for (std::size_t n = 1 + below(3); n > 0; --n) {
        auto& edits = all.children.emplace_back();
        for (std::size_t m = below(7); m > 0; --m) {
            std::uint32_t const far[] = {100, 0x7FFFFFFF, 0xFFFFFFFF};
            auto const index = below(10) == 0 ? far[below(3)] : static_cast<std::uint32_t>(below(6));
            switch (below(4)) {
            case 0:
                edits.push_back(add(name(), value()));
                break;
            case 1:
                edits.push_back(insert(index, name(), value()));
                break;
            case 2:
                edits.push_back(remove(index, name()));
                break;
            default:
                edits.push_back(change(index, name(), value()));
            }
        }
    }
    return all;
}

} // namespace milter::core::test
