#include "daemon/launch_pace.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace milter::daemon::test {
namespace {

using namespace std::chrono_literals;
using milliseconds = launch_pace::milliseconds;

struct commands : testing::Test { // tools F.5
    milliseconds fails_after(milliseconds life) {
        now += pace.rest(now);
        pace.started(now);
        now += life;
        return pace.ended(now);
    }

    launch_pace pace;
    launch_pace::time_point now{1000s};
};

TEST_F(commands, may_be_started_at_first) {
    EXPECT_EQ(pace.rest(now), 0ms);
}

TEST_F(commands, rest_twice_as_long_after_each_end_up_to_five_minutes) {
    std::vector<milliseconds> rests;
    for (int i = 0; i < 11; ++i)
        rests.push_back(fails_after(1ms));
    EXPECT_EQ(rests, (std::vector<milliseconds>{1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}));
    now += 299'999ms;
    EXPECT_EQ(pace.rest(now), 1ms);
    now += 1ms;
    EXPECT_EQ(pace.rest(now), 0ms);
}

TEST_F(commands, begin_anew_once_they_have_lived_for_a_minute) {
    fails_after(1ms);
    fails_after(1ms);
    EXPECT_EQ(fails_after(59'999ms), 4s);
    EXPECT_EQ(fails_after(1min), 1s);
}

TEST_F(commands, begin_anew_when_nobody_has_asked_for_them_for_a_minute) {
    for (int i = 0; i < 3; ++i)
        fails_after(1ms);
    now += 4s + 59'999ms;
    EXPECT_EQ(fails_after(1ms), 8s);
    now += 8s + 1min;
    EXPECT_EQ(fails_after(1ms), 1s);
}

} // namespace
} // namespace milter::daemon::test
