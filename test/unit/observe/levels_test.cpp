// logs 1: the syntax of a set of levels.
#include "observe/log.hpp"

#include <gmock/gmock.h>

namespace {

using milter::observe::level;
using milter::observe::levels;

struct row {
    std::string_view text;
    std::string_view result;
};

class level_syntax : public testing::TestWithParam<row> {};

TEST_P(level_syntax, is_understood) {
    auto const parsed = levels::parse(GetParam().text);
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_EQ(parsed->text(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    logs_1, level_syntax,
    testing::Values(row{"", "critical|error|warning|message|statistics"},
                    row{"default", "critical|error|warning|message|statistics"}, row{"none", "none"},
                    row{"all", "critical|error|warning|message|info|debug|trace|statistics|profile"},
                    row{"-all", "none"},
                    row{"+all", "critical|error|warning|message|info|debug|trace|statistics|profile"},
                    row{"error", "error"}, row{"trace|error", "error|trace"},
                    row{"-debug|+info", "critical|error|warning|message|info|statistics"},
                    row{"default|info", "critical|error|warning|message|info|statistics"},
                    row{"default|-statistics", "critical|error|warning|message"},
                    row{"all|-trace|-profile", "critical|error|warning|message|info|debug|statistics"},
                    row{"info|+debug", "info|debug"}, row{"info|none", "info"},
                    row{"+profile", "critical|error|warning|message|statistics|profile"}));

TEST(set_of_levels, begins_with_the_current_set_only_after_a_sign) {
    auto const current = *levels::parse("trace");
    EXPECT_EQ(levels::parse("+info", current)->text(), "info|trace");
    EXPECT_EQ(levels::parse("-trace|info", current)->text(), "info");
    EXPECT_EQ(levels::parse("info", current)->text(), "info");
    EXPECT_EQ(*levels::parse("", current), levels::standard());
}

TEST(set_of_levels, names_every_unknown_word) {
    auto const error_of = [](std::string_view text) { return levels::parse(text).error(); };
    EXPECT_EQ(error_of("error|bogus"), "unknown flag names: [<bogus>](<MilterLogLevelFlags>)");
    EXPECT_EQ(error_of("default+info"), "unknown flag names: [<default+info>](<MilterLogLevelFlags>)");
    EXPECT_EQ(error_of("+a|info|-b"), "unknown flag names: [<a>|<b>](<MilterLogLevelFlags>)");
    EXPECT_EQ(error_of("Error"), "unknown flag names: [<Error>](<MilterLogLevelFlags>)");
    EXPECT_EQ(error_of("error|"), "unknown flag names: [<>](<MilterLogLevelFlags>)");
}

TEST(set_of_levels, of_a_printed_set_gives_the_set_back) {
    for (unsigned bits = 0; bits <= 0x1FF; ++bits) {
        levels const set{static_cast<std::uint16_t>(bits)};
        EXPECT_EQ(*levels::parse(set.text()), set) << set.text();
    }
}

TEST(set_of_levels, has_the_single_level) {
    EXPECT_TRUE(levels::standard().has(level::statistics));
    EXPECT_FALSE(levels::standard().has(level::info));
    EXPECT_FALSE(levels{}.has(level::critical));
}

} // namespace
