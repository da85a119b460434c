// logs 3, 4: letters of the statistics lines that test/faults/test_statistics.py does not bring about.
#include "proxy/statistics.hpp"

#include "unit/observe/temporary.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace milter::proxy {
namespace {

using milter::test::lines_of;
using milter::test::temporary_folder;
using testing::ElementsAre;

class statistics_lines : public testing::Test {
protected:
    statistics_lines() {
        rules_.children.resize(2);
        rules_.children[1].name = "b";
    }

    std::unique_ptr<observe::log> open(observe::levels wanted) const {
        observe::log_settings settings;
        settings.path = folder_ / "log";
        settings.console = wanted;
        settings.shown = observe::items();
        return observe::log::open(settings).value();
    }
    std::vector<std::string> written() const { return lines_of(folder_ / "log"); }

    temporary_folder folder_;
    core::policy rules_;
};

TEST_F(statistics_lines, show_seconds_as_c_does) {
    auto const log = open(observe::levels::standard());
    statistics one(*log, rules_, 7);
    for (auto const us : {0, 41, 5800, 10'014'300, 12'500'000})
        one.disconnected(core::microseconds(us));
    EXPECT_THAT(written(),
                ElementsAre("[session][disconnected][0](7)", "[session][disconnected][4.1e-05](7)",
                            "[session][disconnected][0.0058](7)", "[session][disconnected][10.0143](7)",
                            "[session][disconnected][12.5](7)"));
}

TEST_F(statistics_lines, number_children_behind_their_session) {
    auto const log = open(observe::levels::standard());
    statistics one(*log, rules_, 7);
    one(core::child_left{1, core::stage::end_of_headers, "pass", core::microseconds(1)});
    one(core::session_ended{{}, "pass", core::microseconds(0)});
    EXPECT_THAT(written(), ElementsAre("[milter][end][end-of-header][pass][1e-06](9): b",
                                       "[session][end][start][pass][0](7)"));
}

TEST_F(statistics_lines, are_not_written_when_the_level_is_not_wanted) {
    auto const log = open(*observe::levels::parse("all|-statistics"));
    statistics one(*log, rules_, 7);
    one.disconnected(core::microseconds(1));
    one(core::quarantine_told{});
    finished_sessions().tell(*log, 3, 0);
    EXPECT_THAT(written(), ElementsAre());
}

TEST_F(statistics_lines, of_finished_sessions_say_each_once) {
    auto const log = open(observe::levels::standard());
    finished_sessions all;
    all.tell(*log, 2, 1);
    all.tell(*log, 2, 1);
    all.tell(*log, 5, 0);
    all.tell(*log, 4, 0); // of a thread that was overtaken
    EXPECT_THAT(written(), ElementsAre("[sessions][finished] 2(+2) 1", "[sessions][finished] 5(+3) 0"));
}

TEST(tags_of_sessions, are_one_row_with_those_of_their_children_for_all_threads) {
    tags all;
    EXPECT_EQ(all.next(2), 1u);
    EXPECT_EQ(all.next(0), 4u);
    EXPECT_EQ(all.next(3), 5u);
    std::vector<std::uint64_t> given(4000);
    {
        std::vector<std::jthread> threads;
        for (std::size_t thread = 0; thread < 4; ++thread)
            threads.emplace_back([&, thread] {
                for (std::size_t i = 0; i < 1000; ++i)
                    given[thread * 1000 + i] = all.next(2);
            });
    }
    std::set<std::uint64_t> const different(given.begin(), given.end());
    EXPECT_EQ(different.size(), given.size());
    EXPECT_EQ(*different.begin(), 9u);
    EXPECT_EQ(*different.rbegin(), 9u + 3 * 3999);
}

} // namespace
} // namespace milter::proxy
