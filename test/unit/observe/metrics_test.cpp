#include "observe/metrics.hpp"

#include "observe/process.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

namespace milter::observe {
namespace {

using std::chrono::microseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

vocabulary words() {
    return {{"connect", "body"}, {"pass", "accept", "reject"}, {"closed", "late"}, {"accept", "reject"}};
}

std::vector<sample> samples_of(metrics const& of, metric which) {
    return of.collect({7, 4, 2, "1.0"})[static_cast<std::size_t>(which)].samples;
}

double only_value(metrics const& of, metric which) {
    auto const all = samples_of(of, which);
    return all.size() == 1 ? all[0].value : -1;
}

TEST(a_histogram, counts_a_time_in_the_first_bucket_that_reaches_it) {
    histogram all;
    for (int const us : {0, 500, 501, 300'000'000, 300'000'001})
        all.add(microseconds(us));
    auto const now = all.read();
    EXPECT_EQ(now.counts.front(), 2U);
    EXPECT_EQ(now.counts[1], 1U);
    EXPECT_EQ(now.counts[now.counts.size() - 2], 1U);
    EXPECT_EQ(now.counts.back(), 1U);
    EXPECT_EQ(now.count(), 5U);
    EXPECT_EQ(now.sum, microseconds(600'001'002));
}

TEST(a_histogram, has_buckets_in_rising_order) {
    EXPECT_TRUE(std::ranges::is_sorted(histogram::bounds_us));
    EXPECT_EQ(histogram::bounds_us.front(), 500);
    EXPECT_EQ(histogram::bounds_us.back(), 300'000'000);
}

TEST(quantiles, are_spread_inside_a_bucket) {
    histogram all;
    EXPECT_EQ(all.read().quantile(0.5), microseconds(0));
    for (int i = 0; i < 90; ++i)
        all.add(microseconds(700)); // 500 to 1000
    for (int i = 0; i < 10; ++i)
        all.add(microseconds(20'000)); // 10000 to 25000
    auto const now = all.read();
    EXPECT_EQ(now.quantile(0.45), microseconds(750));
    EXPECT_EQ(now.quantile(0.9), microseconds(1'000));
    EXPECT_EQ(now.quantile(0.95), microseconds(17'500));
    EXPECT_EQ(now.quantile(1), microseconds(25'000));
}

TEST(quantiles, know_nothing_beyond_the_last_bucket) {
    histogram all;
    all.add(std::chrono::hours(1));
    EXPECT_EQ(all.read().quantile(0.5), microseconds(300'000'000));
}

TEST(the_series_of_a_child, go_with_the_last_who_has_the_child) {
    metrics all(words());
    auto of_configuration = all.child("av");
    auto of_session = all.child("av");
    EXPECT_EQ(of_configuration, of_session);
    of_session->failures(1).add();
    of_configuration.reset();
    ASSERT_EQ(all.children().size(), 1U);
    EXPECT_THAT(all.children()[0].failures, ElementsAre(Pair("closed", 0U), Pair("late", 1U)));
    of_session.reset();
    EXPECT_THAT(all.children(), IsEmpty());
    EXPECT_THAT(samples_of(all, metric::child_failures), IsEmpty());
    EXPECT_EQ(all.child("av")->failures(1).value(), 0U);
}

TEST(the_series_of_a_condition, go_with_the_configuration_that_has_it) {
    metrics all(words());
    auto const child = all.child("av");
    auto old = child->skips("local");
    auto const kept = child->skips("remote");
    old->add();
    kept->add(2);
    EXPECT_THAT(all.children()[0].skips, ElementsAre(Pair("local", 1U), Pair("remote", 2U)));
    old.reset();
    EXPECT_THAT(all.children()[0].skips, ElementsAre(Pair("remote", 2U)));
}

TEST(the_figures_of_a_child, add_up_its_stages) {
    metrics all(words());
    auto const child = all.child("av");
    child->verdicts(0, 0).add();
    child->verdicts(1, 0).add(2);
    child->verdicts(1, 2).add();
    child->answers(0).add(microseconds(700));
    child->answers(1).add(microseconds(20'000));
    child->in_flight.add(3);
    child->in_flight.add(-1);
    child->restarts.add();
    child->fallbacks(1).add();
    auto const now = all.children().at(0);
    EXPECT_EQ(now.name, "av");
    EXPECT_THAT(now.verdicts, ElementsAre(Pair("pass", 3U), Pair("accept", 0U), Pair("reject", 1U)));
    EXPECT_THAT(now.fallbacks, ElementsAre(Pair("accept", 0U), Pair("reject", 1U)));
    EXPECT_EQ(now.in_flight, 2);
    EXPECT_EQ(now.restarts, 1U);
    EXPECT_EQ(now.answers, 2U);
    EXPECT_EQ(now.p50, microseconds(1'000));
    EXPECT_EQ(now.p99, microseconds(24'700));
}

TEST(counting, loses_nothing_between_threads) {
    metrics all(words());
    auto const child = all.child("av");
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) {
                child->verdicts(0, 0).add();
                child->answers(0).add(microseconds(n));
                if (n % 1'000 == 0) static_cast<void>(all.collect({}));
            }
        });
    threads.clear();
    EXPECT_EQ(all.children().at(0).verdicts[0].second, 40'000U);
    EXPECT_EQ(all.children().at(0).answers, 40'000U);
}

TEST(a_collect, has_all_of_the_table_with_the_labels_that_it_names) {
    metrics all(words());
    auto const child = all.child("av");
    auto const skips = child->skips("local");
    child->answers(1).add(microseconds(1));
    auto const families = all.collect({});
    ASSERT_EQ(families.size(), metrics_table().size());
    for (std::size_t i = 0; i < families.size(); ++i) {
        auto const& what = metrics_table()[i];
        EXPECT_EQ(families[i].which, what.which);
        EXPECT_FALSE(families[i].samples.empty()) << what.name;
        for (auto const& one : families[i].samples) {
            std::string labels;
            for (auto const& [name, value] : one.labels)
                labels.append(labels.empty() ? "" : ", ").append(name);
            EXPECT_EQ(labels, what.labels) << what.name;
        }
    }
}

TEST(a_collect, shows_stages_that_were_used_and_everything_else_from_the_start) {
    metrics all(words());
    auto const child = all.child("av");
    EXPECT_THAT(samples_of(all, metric::child_verdicts), IsEmpty());
    EXPECT_EQ(samples_of(all, metric::child_failures).size(), 2U);
    child->verdicts(1, 2).add();
    child->answers(1).add(microseconds(1));
    auto const verdicts = samples_of(all, metric::child_verdicts);
    ASSERT_EQ(verdicts.size(), 3U);
    EXPECT_THAT(verdicts[2].labels,
                ElementsAre(Pair("child", "av"), Pair("stage", "body"), Pair("verdict", "reject")));
    EXPECT_EQ(verdicts[2].value, 1);
}

TEST(a_collect, takes_what_others_know) {
    metrics const all(words());
    EXPECT_EQ(only_value(all, metric::sessions_begun), 7);
    EXPECT_EQ(only_value(all, metric::sessions_ended), 4);
    EXPECT_EQ(only_value(all, metric::sessions_open), 3);
    EXPECT_EQ(only_value(all, metric::log_lines_dropped), 2);
    EXPECT_EQ(samples_of(all, metric::sessions_refused).size(), 1U); // nobody is refused by pass or accept
}

TEST(the_table_of_metrics, names_each_once_and_says_what_it_is) {
    std::set<std::string_view> names;
    for (auto const& one : metrics_table()) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        EXPECT_EQ(one.name.ends_with("_total"), one.type == metric_type::counter) << one.name;
        EXPECT_EQ(one.name.ends_with("_seconds"), one.unit == "seconds") << one.name;
        EXPECT_TRUE(one.help.ends_with('.')) << one.name;
    }
}

TEST(the_page_of_metrics, has_the_table) {
    std::ifstream in(METRICS_PAGE);
    std::string const page{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(page, HasSubstr("\n" + metrics_reference()))
        << "milter-manager --metrics-reference prints what belongs there";
}

TEST(what_the_kernel_knows, changes_with_a_descriptor) {
    auto const before = read_process();
    int const one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto const now = read_process();
    ::close(one);
    EXPECT_EQ(now.open_descriptors, before.open_descriptors + 1);
    EXPECT_GE(now.most_descriptors, now.open_descriptors);
    EXPECT_GT(now.resident_bytes, 1'000'000U);
    auto const age = static_cast<double>(std::time(nullptr)) - now.started;
    EXPECT_GE(age, -2);
    EXPECT_LT(age, 600);
}

} // namespace
} // namespace milter::observe
