// docs/log-keys.md is what the program prints.
#include "observe/events.hpp"
#include "observe/keys.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace {

using namespace milter::observe;

TEST(table_of_events, has_each_name_once_with_a_level_and_a_meaning) {
    ASSERT_GT(events().size(), 10u);
    std::set<std::string_view> const levels{"critical", "error", "warning", "message",
                                            "info",     "trace", "any"};
    for (auto const& one : events()) {
        EXPECT_TRUE(is_event(one.name));
        EXPECT_THAT(std::string(one.name), testing::MatchesRegex("[a-z_]+"));
        EXPECT_TRUE(levels.contains(one.level)) << one.name;
        EXPECT_FALSE(one.meaning.empty()) << one.name;
    }
    EXPECT_FALSE(is_event("message"));
    EXPECT_FALSE(is_event(""));
}

// In JSON they stand beside these.
TEST(dictionary_of_keys, has_none_of_the_words_that_every_line_has) {
    for (auto const* word : {"time", "level", "event", "text"})
        EXPECT_FALSE(is_key(word)) << word;
}

TEST(log_reference, is_the_committed_page) {
    std::ifstream file(LOG_KEYS_PAGE);
    std::string const committed{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(committed == log_reference())
        << "renew it:  milter-manager --log-reference > docs/log-keys.md\n"
           "A new event is a row in src/observe/events.cpp, a new key one in src/observe/keys.cpp.";
}

TEST(log_reference, describes_every_event_and_every_key) {
    auto const page = log_reference();
    for (auto const& one : events())
        EXPECT_THAT(page,
                    testing::HasSubstr(fmt::format("| `{}` | {} | {} |", one.name, one.level, one.meaning)));
    for (auto const& one : dictionary())
        EXPECT_THAT(page, testing::HasSubstr(fmt::format("| `{}` | {} |", one.key, one.meaning)));
}

} // namespace
