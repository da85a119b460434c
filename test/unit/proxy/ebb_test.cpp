#include "proxy/ebb.hpp"

#include <gtest/gtest.h>

namespace milter::proxy {
namespace {

TEST(ebb, says_once_that_three_quarters_of_a_crowd_have_left) {
    ebb crowd;
    crowd.rises_to(1000);
    EXPECT_FALSE(crowd.falls_to(999));
    EXPECT_FALSE(crowd.falls_to(251));
    EXPECT_TRUE(crowd.falls_to(250));
    EXPECT_FALSE(crowd.falls_to(249)) << "what is left is no crowd";
    EXPECT_FALSE(crowd.falls_to(0));
}

TEST(ebb, a_few_are_no_crowd) {
    ebb crowd;
    crowd.rises_to(ebb::crowd - 1);
    EXPECT_FALSE(crowd.falls_to(0));
    crowd.rises_to(ebb::crowd);
    EXPECT_TRUE(crowd.falls_to(0));
}

TEST(ebb, those_that_stay_are_a_crowd_again_when_they_are_many) {
    ebb crowd;
    crowd.rises_to(10'000);
    EXPECT_TRUE(crowd.falls_to(2500));
    EXPECT_FALSE(crowd.falls_to(626));
    EXPECT_TRUE(crowd.falls_to(625));
    crowd.rises_to(626);
    EXPECT_FALSE(crowd.falls_to(300));
    EXPECT_TRUE(crowd.falls_to(156));
}

} // namespace
} // namespace milter::proxy
