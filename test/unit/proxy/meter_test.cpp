#include "proxy/meter.hpp"

#include <algorithm>

#include <gmock/gmock.h>

namespace milter::proxy {
namespace {

using std::chrono::microseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::Pair;

class a_meter : public testing::Test {
protected:
    static core::policy rules_of(std::vector<std::string> const& names) {
        core::policy made;
        made.conditions = {{"local", "c:1", {}}, {"remote", "c:2", {}}};
        for (auto const& name : names) {
            core::child_policy one;
            one.name = name;
            one.conditions = {1};
            made.children.push_back(std::move(one));
        }
        made.children.back().evaluation_mode = true;
        return made;
    }
    observe::child_figures of(std::string const& name) {
        for (auto const& one : figures.children())
            if (one.name == name) return one;
        return {};
    }

    observe::metrics figures{figure_words()};
    core::policy rules = rules_of({"av", "spam"});
    meter all{figures, rules};
};

TEST(the_words_of_figures, are_one_word_each_and_differ) {
    auto const words = figure_words();
    for (auto const* list : {&words.stages, &words.verdicts, &words.reasons, &words.fallbacks}) {
        auto sorted = *list;
        std::ranges::sort(sorted);
        EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end());
        for (auto const one : *list) {
            EXPECT_FALSE(one.empty());
            EXPECT_EQ(one.find(' '), std::string_view::npos) << one;
        }
    }
    EXPECT_THAT(words.verdicts, ElementsAre("pass", "accept", "reject", "temporary-failure", "discard"));
    EXPECT_EQ(words.reasons.back(), "limit");
}

TEST_F(a_meter, counts_an_answer_at_its_stage) {
    all.count(core::child_answered{0, core::stage::helo, core::verdict::kind::discard, microseconds(3)});
    auto const child = figures.child("av");
    EXPECT_EQ(child->verdicts(static_cast<std::size_t>(core::stage::helo), 4).value(), 1U);
    EXPECT_EQ(child->answers(static_cast<std::size_t>(core::stage::helo)).read().sum, microseconds(3));
    EXPECT_EQ(of("spam").answers, 0U);
}

TEST_F(a_meter, counts_a_failure_and_the_fallback_that_it_costs) {
    all.count(
        core::child_failed{0, core::stage::mail, core::failure::stuck, "", core::fallback::quarantine, ""});
    EXPECT_THAT(of("av").failures, Contains(Pair("stuck", 1U)));
    EXPECT_THAT(of("av").fallbacks, Contains(Pair("quarantine", 1U)));
}

TEST_F(a_meter, knows_that_a_failure_in_evaluation_mode_costs_nothing) {
    all.count(core::child_failed{1, core::stage::mail, core::failure::late, "", core::fallback::reject, ""});
    EXPECT_THAT(of("spam").failures, Contains(Pair("late", 1U)));
    EXPECT_THAT(of("spam").fallbacks, Contains(Pair("reject", 0U)));
}

TEST_F(a_meter, counts_a_reply_text_as_what_its_code_says) {
    auto const permanent = core::verdict::of(*wire::smtp_reply::parse("550 5.7.1 no"));
    auto const temporary = core::verdict::of(*wire::smtp_reply::parse("451 4.7.1 later"));
    core::message_done done;
    done.said = permanent;
    done.size = 10;
    all.count(done);
    done.said = temporary;
    all.count(done);
    done.aborted = true;
    all.count(done);
    all.count(core::session_decided{core::stage::connect, temporary, 0});
    auto const& now = figures.process;
    EXPECT_EQ(now.messages[2].value(), 1U);
    EXPECT_EQ(now.messages[3].value(), 1U);
    EXPECT_EQ(now.messages_aborted.value(), 1U);
    EXPECT_EQ(now.body_bytes.value(), 30U);
    EXPECT_EQ(now.sessions_refused[3].value(), 1U);
}

TEST_F(a_meter, shows_only_conditions_that_the_child_has) {
    EXPECT_THAT(of("av").skips, ElementsAre(Pair("remote", 0U)));
    all.count(core::child_skipped{0, 1});
    EXPECT_THAT(of("av").skips, ElementsAre(Pair("remote", 1U)));
}

TEST_F(a_meter, of_another_configuration_goes_on_where_the_child_was) {
    all.count(core::child_skipped{0, 1});
    auto const fresh = rules_of({"new", "av"});
    meter next(figures, fresh);
    next.count(core::child_skipped{1, 1});
    EXPECT_THAT(of("av").skips, ElementsAre(Pair("remote", 2U)));
}

} // namespace
} // namespace milter::proxy
