#include "wire/options.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace milter::wire::test {
namespace {

TEST(options, know_the_steps_of_every_version) { // protocol 2.4, 3.4
    std::pair<std::uint32_t, std::uint32_t> const rows[] = {
        {0, 0x7F},     {1, 0x7F},     {2, 0x7F},
        {3, 0x17F},    {4, 0x37F},    {5, 0x37F},
        {6, 0x1FFFFF}, {7, 0x1FFFFF}, {0xFFFFFFFF, 0x1FFFFF},
    };
    for (auto const& [version, bits] : rows)
        EXPECT_EQ(steps_of_version(version).bits(), bits) << version;
}

TEST(options, have_the_bits_of_the_protocol) { // protocol 2.3, 2.4, 2.5
    EXPECT_EQ(all_actions.bits(), 0x1FFU);
    EXPECT_EQ(all_steps.bits(), 0x1FFFFFU);
    EXPECT_EQ(packet_size_steps.bits(), 0x70000000U);
    EXPECT_EQ((action::add_headers | action::set_macro_lists).bits(), 0x101U);
    EXPECT_EQ((step::leading_space | step::skip).bits(), 0x100400U);
    EXPECT_EQ(static_cast<std::uint32_t>(macro_stage::end_of_message), 5U);
    EXPECT_EQ(static_cast<std::uint32_t>(macro_stage::end_of_headers), 6U);
}

TEST(options, are_sets) {
    auto const both = step::no_body | step::skip;
    EXPECT_TRUE(both.has(step::skip));
    EXPECT_FALSE(both.has(step::no_helo));
    EXPECT_TRUE(both.has_all(step::no_body));
    EXPECT_FALSE(both.has_all(both | step::no_helo));
    EXPECT_EQ(both - step::skip, steps(step::no_body));
    EXPECT_EQ(both & step::skip, steps(step::skip));
    EXPECT_TRUE((both - both).empty());
    steps grown;
    grown |= step::skip;
    EXPECT_EQ(grown, steps(step::skip));
    grown &= step::no_body;
    EXPECT_TRUE(grown.empty());
    EXPECT_EQ(steps(0x80000000).bits(), 0x80000000) << "unknown bits are kept";
}

TEST(options, have_the_names_that_the_test_client_prints) {
    EXPECT_EQ(names(all_actions),
              "add-headers|change-body|add-envelope-recipient|delete-envelope-recipient|change-headers|"
              "quarantine|change-envelope-from|add-envelope-recipient-with-parameters|set-symbol-list");
    EXPECT_EQ(names(all_steps),
              "no-connect|no-helo|no-envelope-from|no-envelope-recipient|no-body|no-headers|no-end-of-header|"
              "no-reply-header|no-unknown|no-data|skip|envelope-recipient-rejected|no-reply-connect|"
              "no-reply-helo|no-reply-envelope-from|no-reply-envelope-recipient|no-reply-data|"
              "no-reply-unknown|no-reply-end-of-header|no-reply-body|header-value-with-leading-space");
    EXPECT_EQ(names(actions()), "");
    EXPECT_EQ(names(steps()), "");
    EXPECT_EQ(names(actions(0x203)), "add-headers|change-body|0x200");
    EXPECT_EQ(names(steps(0x90000400)), "skip|0x90000000");
    EXPECT_EQ(names(steps(0x00200000)), "0x200000");
    EXPECT_EQ(names(actions(0xFFFFFE00)), "0xfffffe00");
}

// Every bit by its name, and the sum of the names of a set is the set.
template <class Set, class ByName>
void expect_round_trip(Set all, ByName by_name) {
    std::set<std::string> seen;
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
        if ((all.bits() & bit) == 0) continue;
        auto const name = names(Set(bit));
        auto const found = by_name(name);
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(Set(*found).bits(), bit) << name;
        EXPECT_TRUE(seen.insert(name).second) << name;
    }
    Set sum;
    std::istringstream words(names(all));
    for (std::string word; std::getline(words, word, '|');)
        sum |= *by_name(word);
    EXPECT_EQ(sum, all);
    for (auto const* bad : {"", "add", "SKIP", "skip ", "0x1", "add-headers|change-body", "no-"})
        EXPECT_FALSE(by_name(bad)) << bad;
}

TEST(options, are_found_again_by_their_names) {
    expect_round_trip(all_actions, action_by_name);
    expect_round_trip(all_steps, step_by_name);
    EXPECT_FALSE(action_by_name("skip")) << "a step is no action";
    EXPECT_FALSE(step_by_name("quarantine")) << "an action is no step";
}

} // namespace
} // namespace milter::wire::test
