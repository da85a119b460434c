// A script for milter-test-client: what it agrees to and what it does at which step, as text. Reads and
// finds; does nothing itself. A line that cannot be read is an error with its FILE:LINE.
#pragma once

#include "filter/edits.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

namespace milter::tools::test_client {

struct wait_for {
    std::chrono::milliseconds time;
};
struct progress {};
struct raw_bytes {
    std::string bytes;
};
struct hang {};
struct hang_up {};
using change = std::function<bool(filter::edits&)>; // false: left out
using deed = std::variant<wait_for, progress, raw_bytes, hang, hang_up, change, filter::body_answer>;

struct script_rule {
    char step = 0;
    std::string pattern; // "" = always
    std::vector<deed> deeds;
};

struct script {
    std::optional<wire::actions> actions;
    std::optional<wire::steps> steps;
    std::vector<std::pair<wire::macro_stage, std::string>> macros;
    std::vector<script_rule> rules;

    // The first that fits; null without one.
    script_rule const* rule_for(char step, std::string_view text) const;
};

// name: for the errors.
tl::expected<script, std::string> read_script(std::string_view text, std::string const& name);
// "connect", "helo", ...: stages that have a list of macros.
std::optional<wire::macro_stage> macro_stage_by_name(std::string_view name);

} // namespace milter::tools::test_client
