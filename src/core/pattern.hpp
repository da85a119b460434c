// Texts that a condition compares with: words, domains, networks, regular expressions in Ruby's syntax
// (configuration 8). Immutable once made, so sessions share them; a match takes a bounded time.
#pragma once

#include "core/network.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

namespace milter::core {

// A regular expression. Copies share what was compiled.
class regexp {
public:
    // options: any of "imx" as in Ruby. The error is the library's text.
    static tl::expected<regexp, std::string> compile(std::string_view source, std::string_view options);

    // Found anywhere in the text. Nothing when it gave up because that took too many steps.
    std::optional<bool> matches(std::string_view text) const;

private:
    struct compiled;
    std::shared_ptr<compiled const> of_;
};

struct pattern {
    struct same { // ASCII case ignored unless exact
        std::string text;
        bool exact = false;
    };
    struct below { // this domain or a name in it
        std::string domain;
    };
    using words = std::unordered_set<std::string>; // in lower case

    std::variant<same, below, words, network, regexp> what;
    bool negated = false;
    bool result = true; // what the list says when this is the first entry that matches
};

std::string lower_case(std::string_view text); // ASCII

// A list of patterns: the first that matches decides.
class pattern_list {
public:
    pattern_list() = default;
    explicit pattern_list(std::vector<pattern> entries) : entries_(std::move(entries)) {}

    // Nothing when a regular expression before the first match gave up.
    std::optional<bool> matches(std::string_view text) const;

private:
    std::vector<pattern> entries_;
};

} // namespace milter::core
