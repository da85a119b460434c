// A scenario file: blocks of lines to do, `----`, the lines that come of them, a blank line. Lines that begin
// with # are for the reader. This file only reads the form; what the lines mean is the stages' business.
#pragma once

#include "core/policy.hpp"
#include "wire/reply.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::test {

// What `start` without a word offers.
inline constexpr std::string_view default_offer = "offer v6 actions=all steps=all";

struct block {
    std::size_t line = 0;            // of its first step, from 1
    std::vector<std::string> before; // comment and blank lines in front of it
    std::vector<std::string> steps;
    std::vector<std::string> expected;
};

std::vector<block> read_blocks(std::string_view text);
std::string write_blocks(std::vector<block> const& blocks, std::string_view rest);

// What a `children` line and `policy` lines set up: rules, and what each child answers to an offer.
struct cast {
    core::policy rules;
    std::vector<std::string> answers;    // "agree ..." words, a child each
    std::vector<std::string> conditions; // as JSON, in the order of policy::conditions

    std::size_t index_of(std::string_view name) const; // children.size() when there is none
};
// children NAME(fallback=reject reading_timeout=1s actions=... steps=...) NAME...
tl::expected<void, std::string> read_children(std::string_view line, cast& into);
// condition NAME [RULE, ...]: in the JSON of configurations. Before the children that name it.
tl::expected<void, std::string> read_condition(std::string_view line, cast& into);
// policy mta=postfix negotiation_timeout=1s ...
tl::expected<void, std::string> read_policy(std::string_view line, cast& into);
// What all those lines of a scenario say.
tl::expected<cast, std::string> read_cast(std::vector<block> const& blocks);
// All its other steps, with `start` as what it stands for.
std::vector<std::string> single_steps(std::vector<block> const& blocks, cast const& with);
// What a child says to an offer, in words.
std::string agreement_of(cast const& with, std::size_t child);
// "250ms", "1s".
core::milliseconds read_duration(std::string_view text);

} // namespace milter::test
