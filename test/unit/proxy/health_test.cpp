#include "proxy/health.hpp"

#include "unit/observe/temporary.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class the_health_of_children : public testing::Test { // chain P56
protected:
    the_health_of_children() {
        observe::log_settings settings;
        settings.path = folder / "log";
        settings.console = observe::levels::all();
        log = std::move(observe::log::open(settings).value());
        scan.name = "scan";
        scan.where = wire::endpoint::parse("inet:1@127.0.0.1").value();
        scan.breaker_failures = 3;
        scan.breaker_pause = seconds(10);
        states = std::make_unique<health>(*log);
    }
    void fails(int times) {
        for (int i = 0; i < times; ++i)
            states->failed(scan, now);
    }
    std::optional<milliseconds> left_alone() { return states->left_alone(scan, now); }
    std::vector<std::string> logged() const { return milter::test::lines_of(folder / "log"); }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    core::child_policy scan;
    health::time_point now{seconds(1000)};
    std::unique_ptr<health> states;
};

TEST_F(the_health_of_children, is_good_until_so_many_connects_have_failed) {
    EXPECT_FALSE(left_alone());
    fails(2);
    EXPECT_FALSE(left_alone());
    EXPECT_THAT(logged(), IsEmpty());
    fails(1);
    EXPECT_EQ(left_alone(), milliseconds(10'000));
    EXPECT_THAT(logged(),
                ElementsAre(HasSubstr("child_left_alone child=scan endpoint=inet:1@[127.0.0.1] count=3")));
}

TEST_F(the_health_of_children, counts_failures_in_a_row) {
    fails(2);
    states->connected(scan);
    fails(2);
    EXPECT_FALSE(left_alone());
}

TEST_F(the_health_of_children, lets_one_try_after_the_pause) {
    fails(3);
    now += milliseconds(9'999);
    EXPECT_EQ(left_alone(), milliseconds(1));
    now += milliseconds(1);
    EXPECT_FALSE(left_alone());
    EXPECT_EQ(left_alone(), milliseconds(10'000)); // the others wait for that one
    now += milliseconds(100);
    states->connected(scan);
    EXPECT_FALSE(left_alone());
    EXPECT_FALSE(left_alone());
    EXPECT_THAT(logged(), ElementsAre(HasSubstr("child_left_alone"), HasSubstr("child_back child=scan")));
}

TEST_F(the_health_of_children, stays_bad_when_that_one_fails) {
    fails(3);
    now += seconds(10);
    EXPECT_FALSE(left_alone());
    now += seconds(1);
    fails(1);
    EXPECT_EQ(left_alone(), milliseconds(10'000));
    EXPECT_THAT(logged(), testing::SizeIs(1)); // said once
}

TEST_F(the_health_of_children, lets_another_try_when_nothing_was_heard_of_that_one) {
    fails(3);
    now += seconds(10);
    EXPECT_FALSE(left_alone());
    now += seconds(10);
    EXPECT_FALSE(left_alone());
}

TEST_F(the_health_of_children, is_not_looked_at_by_default) {
    scan.breaker_failures = core::child_policy{}.breaker_failures;
    fails(1000);
    EXPECT_FALSE(left_alone());
    EXPECT_THAT(logged(), IsEmpty());
}

TEST_F(the_health_of_children, is_that_of_each_alone) {
    fails(3);
    auto other = scan;
    other.where = wire::endpoint::parse("inet:2@127.0.0.1").value();
    EXPECT_FALSE(states->left_alone(other, now));
}

TEST_F(the_health_of_children, is_forgotten_when_they_are_gone_or_have_no_breaker_any_more) {
    fails(3);
    states->keep_only({scan});
    EXPECT_TRUE(left_alone());
    auto without = scan;
    without.breaker_failures = 0;
    states->keep_only({without});
    EXPECT_FALSE(left_alone());
    fails(3);
    states->keep_only({});
    EXPECT_FALSE(left_alone());
}

TEST_F(the_health_of_children, is_shared_among_threads) {
    constexpr int workers = 4;
    constexpr int sessions = 1000;
    std::atomic<int> tries{0};
    std::vector<std::thread> all;
    for (int n = 0; n < workers; ++n)
        all.emplace_back([&] {
            for (int i = 0; i < sessions; ++i)
                if (!states->left_alone(scan, now)) {
                    ++tries;
                    states->failed(scan, now);
                }
        });
    for (auto& one : all)
        one.join();
    EXPECT_GE(tries, 3);
    EXPECT_LE(tries, 2 + workers); // who was trying already when the third failed
    EXPECT_EQ(left_alone(), milliseconds(10'000));
    EXPECT_THAT(logged(), testing::SizeIs(1));
}

} // namespace
} // namespace milter::proxy::test
