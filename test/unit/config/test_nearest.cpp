#include "config/nearest.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace milter::config {
namespace {

constexpr std::array<std::string_view, 3> names{"n_workers", "max_connections", "daemon"};

TEST(Nearest, one_letter_missing_added_or_changed) {
    EXPECT_EQ(nearest("n_worker", names), "n_workers");
    EXPECT_EQ(nearest("deamon", names), "daemon");
    EXPECT_EQ(nearest("max_conections", names), "max_connections");
    EXPECT_EQ(nearest("daemonn", names), "daemon");
}

TEST(Nearest, says_one_for_anything) {
    EXPECT_EQ(nearest("", names), "daemon");
    EXPECT_EQ(nearest(std::string(100'000, 'n'), names), "max_connections");
}

} // namespace
} // namespace milter::config
