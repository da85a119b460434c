#include "config/log_levels.hpp"

#include <gtest/gtest.h>

namespace milter::config {
namespace {

constexpr auto all = "critical|error|warning|message|info|debug|trace|statistics|profile";

TEST(LogLevels, the_normal_form_is_in_the_order_of_the_levels) {
    struct {
        char const* given;
        char const* normal;
    } const rows[] = {
        {"", "default"},
        {"default", "default"},
        {"all", all},
        {"none", "none"},
        {"-all", "none"},
        {"info|error", "error|info"},
        {"error|error", "error"},
        {"default|info", "critical|error|warning|message|info|statistics"},
        {"-debug|+info", "critical|error|warning|message|info|statistics"},
        {"+info", "critical|error|warning|message|info|statistics"},
        {"-statistics", "critical|error|warning|message"},
        {"all|-profile|-trace", "critical|error|warning|message|info|debug|statistics"},
        {"critical|error|warning|message|statistics", "critical|error|warning|message|statistics"},
    };
    for (auto const& row : rows)
        EXPECT_EQ(normal_levels(row.given).value_or("refused"), row.normal) << row.given;
}

TEST(LogLevels, the_first_unknown_word_is_the_error) {
    for (auto const& [given, word] : {std::pair{"error|bogus", "bogus"},
                                      {"default+info", "default+info"},
                                      {"error||info", ""},
                                      {"Error", "Error"},
                                      {"+", ""},
                                      {"error|", ""}}) {
        auto const normal = normal_levels(given);
        ASSERT_FALSE(normal) << given << " gave " << *normal;
        EXPECT_EQ(normal.error(), word);
    }
}

} // namespace
} // namespace milter::config
