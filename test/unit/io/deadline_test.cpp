// Deadlines come in the order of their times, once, and not at all when disarmed.
#include "io/deadline.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

namespace milter::io::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class deadline : public testing::Test {
protected:
    // Until nothing is armed any more; a deadline that is never reached is cut off.
    void run() {
        context.restart();
        context.run_for(20s);
        EXPECT_TRUE(context.stopped()) << "something is armed still";
    }
    void arm(deadlines::key which, std::chrono::milliseconds from_now) {
        auto const before = steady_clock::now();
        all->arm(which, from_now);
        due[which] = {before + from_now, steady_clock::now() + from_now};
    }
    // Whether those that have passed did so in the order of their times (as exact as this test could arm).
    bool in_order() const {
        for (std::size_t i = 1; i < passed.size(); ++i)
            if (due.at(passed[i - 1]).earliest > due.at(passed[i]).latest) return false;
        return true;
    }

    struct when {
        steady_clock::time_point earliest, latest;
    };
    std::map<deadlines::key, when> due;
    asio::io_context context;
    std::vector<deadlines::key> passed;
    std::function<void(deadlines::key)> then;
    std::optional<deadlines> all{std::in_place, context, [this](deadlines::key which) {
                                     passed.push_back(which);
                                     if (then) then(which);
                                 }};
};

TEST_F(deadline, passes_once_and_not_early) {
    auto const begin = steady_clock::now();
    all->arm(5, 30ms);
    run();
    EXPECT_GE(steady_clock::now() - begin, 30ms);
    EXPECT_THAT(passed, ElementsAre(5));
}

TEST_F(deadline, comes_in_the_order_of_time_whatever_the_order_of_arming) {
    arm(3, 40ms);
    arm(1, 10ms);
    arm(4, 60ms);
    arm(2, 20ms);
    run();
    EXPECT_THAT(passed, UnorderedElementsAre(1, 2, 3, 4));
    EXPECT_TRUE(in_order());
}

TEST_F(deadline, that_has_passed_already_is_not_reported_from_inside_arm) {
    all->arm(1, 0ms);
    all->arm(2, -5ms);
    EXPECT_THAT(passed, IsEmpty());
    run();
    EXPECT_THAT(passed, UnorderedElementsAre(1, 2));
}

TEST_F(deadline, is_moved_by_arming_again) {
    arm(1, 10ms);
    arm(2, 30ms);
    arm(1, 50ms); // later
    arm(3, 10h);
    arm(3, 20ms); // earlier
    run();
    EXPECT_THAT(passed, UnorderedElementsAre(1, 2, 3));
    EXPECT_TRUE(in_order());
}

TEST_F(deadline, that_is_disarmed_does_not_come) {
    all->arm(1, 10ms);
    all->arm(2, 20ms);
    all->disarm(1);
    all->disarm(7); // never armed
    run();
    EXPECT_THAT(passed, ElementsAre(2));
}

TEST_F(deadline, that_is_alone_and_disarmed_leaves_nothing_to_wait_for) {
    all->arm(1, 1ms);
    all->disarm(1);
    run();
    EXPECT_THAT(passed, IsEmpty());
}

TEST_F(deadline, can_be_armed_again_from_its_own_callback) {
    then = [this](deadlines::key which) {
        if (passed.size() < 5) all->arm(which, 1ms);
    };
    all->arm(9, 1ms);
    run();
    EXPECT_THAT(passed, ElementsAre(9, 9, 9, 9, 9));
}

TEST_F(deadline, can_be_disarmed_by_one_of_the_same_moment) {
    then = [this](deadlines::key which) { all->disarm(which == 1 ? 2 : 1); };
    all->arm(1, 5ms);
    all->arm(2, 5ms);
    run();
    EXPECT_EQ(passed.size(), 1u);
}

TEST_F(deadline, does_not_come_after_a_stop) {
    all->arm(1, 5ms);
    all->arm(2, 10ms);
    all->stop();
    all->arm(3, 1ms);
    all->disarm(3);
    run();
    EXPECT_THAT(passed, IsEmpty());
}

TEST_F(deadline, does_not_come_after_a_stop_from_its_own_callback) {
    then = [this](deadlines::key) { all->stop(); };
    for (deadlines::key which = 1; which <= 3; ++which)
        all->arm(which, 5ms);
    run();
    EXPECT_EQ(passed.size(), 1u);
}

TEST_F(deadline, may_take_its_owner_away) {
    then = [this](deadlines::key) { all.reset(); };
    all->arm(1, 5ms);
    all->arm(2, 5ms);
    run();
    EXPECT_EQ(passed.size(), 1u);
}

TEST_F(deadline, that_is_due_and_not_yet_reported_does_not_come_after_a_stop) {
    all->arm(1, 1ms);
    asio::post(context, [this] {
        auto const busy_until = steady_clock::now() + 5ms;
        while (steady_clock::now() < busy_until) {
        }
        asio::post(context, [this] { all.reset(); });
    });
    run();
    EXPECT_LE(passed.size(), 1u);
    auto const seen = passed.size();
    run();
    EXPECT_EQ(passed.size(), seen);
}

TEST_F(deadline, of_many_keys_comes_for_each) {
    for (deadlines::key which = 0; which < 200; ++which)
        arm(which, std::chrono::milliseconds(which % 20));
    for (deadlines::key which = 0; which < 200; which += 2)
        all->disarm(which);
    run();
    EXPECT_EQ(passed.size(), 100u);
    EXPECT_EQ(std::set<deadlines::key>(passed.begin(), passed.end()).size(), 100u);
    EXPECT_TRUE(in_order());
}

} // namespace
} // namespace milter::io::test
