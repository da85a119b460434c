// protocol 6.2, 8, 19.10: a decision holds for the rest of what it is about, and the filter is not asked
// again.
#include "unit/filter/scene.hpp"

#include <gmock/gmock.h>

namespace {

using milter::test::scene;
using testing::ElementsAre;
using testing::IsEmpty;
namespace filter = milter::filter;
namespace wire = milter::wire;
using wire::step;

void rest_of_message(scene& it, std::string const& answer) {
    EXPECT_EQ(it.send(wire::rcpt{"<c@d>", {}}), answer);
    EXPECT_EQ(it.send(wire::data{}), answer);
    EXPECT_EQ(it.send(wire::header{"n", "v"}), answer);
    EXPECT_EQ(it.send(wire::end_of_headers{}), answer);
    EXPECT_EQ(it.send(wire::body{"b"}), answer);
    EXPECT_EQ(it.send(wire::end_of_message{}), answer);
}

TEST(a_decision_about_a_message, holds_until_its_end) {
    scene it;
    it.open();
    it.told.answers['M'] = filter::accept{};
    EXPECT_EQ(it.send(wire::mail{"<1>", {}}), "accept");
    rest_of_message(it, "accept");
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "mail <1>"));
    it.told.answers.clear();
    EXPECT_EQ(it.send(wire::mail{"<2>", {}}), "continue");
    EXPECT_EQ(it.send(wire::rcpt{"<c@d>", {}}), "continue");
    EXPECT_THAT(it.asked(), ElementsAre("mail <2>", "rcpt <c@d>"));
}

TEST(a_decision_about_a_message, ends_with_an_abort_or_a_helo) {
    for (auto const& end : {wire::command(wire::abort{}), wire::command(wire::helo{"h"})}) {
        scene it;
        it.open();
        it.told.answers['T'] = filter::reject{};
        it.send(wire::mail{"<1>", {}});
        EXPECT_EQ(it.send(wire::data{}), "reject");
        EXPECT_EQ(it.send(wire::data{}), "reject");
        it.told.answers.clear();
        it.send(end);
        EXPECT_EQ(it.send(wire::data{}), "continue");
    }
}

TEST(a_refused_recipient, does_not_concern_the_others) {
    scene it;
    it.open();
    it.send(wire::mail{"<1>", {}});
    it.told.answers['R'] = filter::reject{};
    EXPECT_EQ(it.send(wire::rcpt{"<c@d>", {}}), "reject");
    it.told.answers.clear();
    EXPECT_EQ(it.send(wire::rcpt{"<e@f>", {}}), "continue");
    EXPECT_EQ(it.send(wire::data{}), "continue");
}

TEST(a_discard_at_a_recipient, is_about_the_message) {
    scene it;
    it.open();
    it.send(wire::mail{"<1>", {}});
    it.told.answers['R'] = filter::discard{};
    EXPECT_EQ(it.send(wire::rcpt{"<c@d>", {}}), "discard");
    rest_of_message(it, "discard");
}

TEST(an_unknown_command, does_not_change_what_was_decided) {
    scene it;
    it.open();
    it.told.answers['U'] = filter::reject{};
    EXPECT_EQ(it.send(wire::unknown{"u"}), "reject");
    EXPECT_EQ(it.send(wire::mail{"<1>", {}}), "continue");
}

TEST(an_accept_at_connect, holds_for_the_session) {
    scene it;
    it.open();
    it.told.answers['C'] = filter::accept{};
    EXPECT_EQ(it.send(wire::connect{}), "accept");
    EXPECT_EQ(it.send(wire::helo{"h"}), "accept");
    EXPECT_EQ(it.send(wire::mail{"<1>", {}}), "accept");
    rest_of_message(it, "accept");
    EXPECT_EQ(it.asked().size(), 2u);
    it.told.answers.clear();
    it.send(wire::quit_new_connection{});
    EXPECT_EQ(it.send(wire::connect{}), "continue");
}

TEST(a_refused_helo, may_be_tried_again) {
    scene it;
    it.open();
    it.told.answers['H'] = filter::reject{};
    EXPECT_EQ(it.send(wire::helo{"bad"}), "reject");
    EXPECT_EQ(it.send(wire::mail{"<1>", {}}), "reject");
    it.told.answers.clear();
    EXPECT_EQ(it.send(wire::helo{"good"}), "continue");
    EXPECT_EQ(it.send(wire::mail{"<1>", {}}), "continue");
}

TEST(a_decision_at_a_step_without_an_answer, is_told_at_the_next_that_has_one) {
    scene it;
    it.open(wire::steps(step::no_reply_header) | step::no_reply_end_of_headers | step::no_reply_body);
    it.told.answers['L'] = filter::reject{};
    it.send(wire::mail{"<1>", {}});
    EXPECT_EQ(it.send(wire::header{"n", "v"}), "");
    EXPECT_EQ(it.send(wire::end_of_headers{}), "");
    EXPECT_EQ(it.send(wire::body{"b"}), "");
    EXPECT_EQ(it.send(wire::end_of_message{}), "reject");
    EXPECT_EQ(it.send(wire::mail{"<2>", {}}), "continue");
}

} // namespace
