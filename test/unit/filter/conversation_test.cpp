// protocol 19: the checklist of the filter's side.
#include "unit/filter/scene.hpp"

#include <gmock/gmock.h>

namespace {

using milter::test::scene;
using testing::ElementsAre;
using testing::IsEmpty;
namespace filter = milter::filter;
namespace wire = milter::wire;
using wire::step;

TEST(conversation, answers_each_step_once_and_asks_the_filter) {
    scene it;
    it.open();
    EXPECT_EQ(it.send(wire::connect{"client.example", '4', 25, "192.0.2.1"}), "continue");
    EXPECT_EQ(it.send(wire::helo{"client"}), "continue");
    EXPECT_EQ(it.send(wire::mail{"<a@b>", {}}), "continue");
    EXPECT_EQ(it.send(wire::rcpt{"<c@d>", {}}), "continue");
    EXPECT_EQ(it.send(wire::unknown{"FOO"}), "continue");
    EXPECT_EQ(it.send(wire::data{}), "continue");
    EXPECT_EQ(it.send(wire::header{"Subject", "x"}), "continue");
    EXPECT_EQ(it.send(wire::end_of_headers{}), "continue");
    EXPECT_EQ(it.send(wire::body{"text"}), "continue");
    EXPECT_EQ(it.send(wire::end_of_message{}), "continue");
    EXPECT_EQ(it.send(wire::quit{}), "");
    EXPECT_TRUE(it.talk.closed());
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "connect client.example", "helo client", "mail <a@b>",
                                        "rcpt <c@d>", "unknown FOO", "data", "header Subject=x",
                                        "end-of-headers", "body text", "end-of-message", "quit"));
}

TEST(conversation, never_answers_macros_abort_and_quit) {
    scene it;
    it.open();
    for (char const letter : std::string_view("CHMRTLNBEU?"))
        EXPECT_EQ(it.raw('D', std::string(1, letter) + std::string("i\0x\0", 4)), "");
    EXPECT_EQ(it.raw('D', "M"), "");
    EXPECT_EQ(it.send(wire::abort{}), "");
    EXPECT_EQ(it.send(wire::abort{}), "");
    EXPECT_EQ(it.send(wire::quit_new_connection{}), "");
    EXPECT_EQ(it.send(wire::quit{}), "");
}

TEST(conversation, is_silent_at_steps_agreed_to_be_without_answer) {
    struct row {
        step no_reply;
        wire::command command;
    };
    for (auto const& one :
         {row{step::no_reply_connect, wire::connect{}}, row{step::no_reply_helo, wire::helo{"h"}},
          row{step::no_reply_mail, wire::mail{"<>", {}}}, row{step::no_reply_rcpt, wire::rcpt{"<>", {}}},
          row{step::no_reply_data, wire::data{}}, row{step::no_reply_unknown, wire::unknown{"u"}},
          row{step::no_reply_header, wire::header{"n", "v"}},
          row{step::no_reply_end_of_headers, wire::end_of_headers{}},
          row{step::no_reply_body, wire::body{"b"}}}) {
        scene it;
        it.open(one.no_reply);
        EXPECT_EQ(it.send(one.command), "") << wire::names(one.no_reply);
        scene other;
        other.open();
        EXPECT_EQ(other.send(one.command), "continue") << wire::names(one.no_reply);
    }
}

TEST(conversation, answers_although_the_filter_wished_not_to_when_that_was_not_offered) {
    scene it;
    std::get<filter::wish>(it.told.negotiation).steps = step::no_reply_body;
    it.send(wire::negotiate{6, wire::all_actions, wire::steps(0x7F)});
    EXPECT_EQ(it.send(wire::body{"b"}), "continue");
}

TEST(conversation, has_every_answer_of_its_types) {
    auto const answer_to = [](char at, filter::body_answer said, wire::command const& command) {
        scene it;
        it.open(step::skip);
        it.told.answers.insert_or_assign(at, said);
        return it.send(command);
    };
    auto const words = wire::smtp_reply::make(550, "5.7.1", "no 100%");
    EXPECT_EQ(answer_to('C', filter::accept{}, wire::connect{}), "accept");
    EXPECT_EQ(answer_to('H', filter::reject{}, wire::helo{"h"}), "reject");
    EXPECT_EQ(answer_to('M', filter::temp_fail{}, wire::mail{"<>", {}}), "temporary-failure");
    EXPECT_EQ(answer_to('R', filter::discard{}, wire::rcpt{"<>", {}}), "discard");
    EXPECT_EQ(answer_to('T', words, wire::data{}), "550 5.7.1 no 100%%");
    EXPECT_EQ(answer_to('U', words, wire::unknown{"u"}), "550 5.7.1 no 100%%");
    EXPECT_EQ(answer_to('B', filter::skip{}, wire::body{"b"}), "skip");
    EXPECT_EQ(answer_to('E', filter::accept{}, wire::end_of_message{}), "accept");
}

TEST(skip, is_said_only_when_it_was_offered_and_ends_the_body_either_way) {
    scene it;
    it.open(step::skip);
    it.told.answers['B'] = filter::skip{};
    EXPECT_EQ(it.send(wire::body{"1"}), "skip");
    EXPECT_EQ(it.send(wire::body{"2"}), "skip");

    scene old;
    old.send(wire::negotiate{2, {}, {}});
    old.told.answers['B'] = filter::skip{};
    EXPECT_EQ(old.send(wire::mail{"<>", {}}), "continue");
    EXPECT_EQ(old.send(wire::body{"1"}), "continue");
    EXPECT_EQ(old.send(wire::body{"2"}), "continue");
    EXPECT_THAT(old.asked(), ElementsAre("negotiate", "mail <>", "body 1"));
    EXPECT_EQ(old.send(wire::mail{"<>", {}}), "continue");
    EXPECT_EQ(old.send(wire::body{"3"}), "continue");
    EXPECT_THAT(old.asked(), ElementsAre("mail <>", "body 3"));
}

TEST(data_in_the_end_of_message, is_a_piece_of_body_before_it) {
    scene it;
    it.open();
    EXPECT_EQ(it.raw('E', "tail"), "continue");
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "body tail", "end-of-message"));
}

TEST(data_in_the_end_of_message, gets_one_answer_also_when_it_is_refused) {
    scene it;
    it.open();
    it.told.answers['B'] = filter::reject{};
    EXPECT_EQ(it.raw('E', "tail"), "reject");
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "body tail"));
    EXPECT_EQ(it.send(wire::mail{"<>", {}}), "continue");
}

TEST(commands_out_of_order, are_tolerated) {
    scene it;
    it.open();
    EXPECT_EQ(it.send(wire::mail{"<>", {}}), "continue"); // without connect and helo
    EXPECT_EQ(it.send(wire::helo{"a"}), "continue");
    EXPECT_EQ(it.send(wire::helo{"b"}), "continue");
    EXPECT_EQ(it.send(wire::rcpt{"<x>", {}}), "continue"); // without mail
    EXPECT_EQ(it.send(wire::unknown{"?"}), "continue");
    EXPECT_EQ(it.send(wire::header{"n", "v"}), "continue"); // without data
    EXPECT_EQ(it.send(wire::data{}), "continue");
    EXPECT_EQ(it.send(wire::data{}), "continue");
    EXPECT_FALSE(it.talk.closed());
}

TEST(a_new_session_on_the_connection, has_a_new_filter_and_no_macros_and_no_second_negotiation) {
    scene it;
    it.open();
    it.raw('D', std::string_view("Cj\0mx\0", 6));
    it.send(wire::connect{"one", 'U', 0, {}});
    ASSERT_TRUE(it.talk.macro("j"));
    EXPECT_EQ(it.send(wire::quit_new_connection{}), "");
    EXPECT_FALSE(it.talk.macro("j"));
    EXPECT_EQ(it.send(wire::connect{"two", 'U', 0, {}}), "continue");
    EXPECT_FALSE(it.talk.closed());
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "connect one", "quit", "connect two"));
    EXPECT_EQ(it.talk.agreed().version, 6u);
}

TEST(macros_for_the_step, are_those_that_came_with_it) {
    scene it;
    it.open();
    std::vector<std::string> seen;
    it.told.edit = [&](filter::edits&) {
        for (auto const& one : it.talk.fresh_macros())
            seen.push_back(one.name + "=" + one.value);
    };
    it.raw('D', std::string_view("E{msg_id}\0<1>\0i\0id\0", 19));
    it.send(wire::end_of_message{});
    EXPECT_THAT(seen, ElementsAre("msg_id=<1>", "i=id"));
    it.raw('D', std::string_view("Mi\0id\0", 6));
    it.send(wire::end_of_message{});
    EXPECT_EQ(seen.size(), 2u);
}

TEST(a_later_answer, holds_back_what_comes_behind_the_step) {
    scene it;
    it.open();
    it.told.answers['M'] = filter::later{};
    EXPECT_EQ(it.send(wire::mail{"<>", {}}), "");
    EXPECT_EQ(it.send(wire::rcpt{"<x>", {}}), "");
    EXPECT_EQ(it.send(wire::abort{}), "");
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "mail <>"));
    it.talk.resume(filter::accept{});
    EXPECT_EQ(it.replies(), "accept + accept");
    EXPECT_THAT(it.asked(), ElementsAre("abort"));
    EXPECT_GT(it.flushes, 0);
}

TEST(a_later_answer, may_come_with_edits_at_the_end_of_the_message) {
    scene it;
    std::get<filter::wish>(it.told.negotiation).actions = wire::all_actions;
    it.open();
    it.told.answers['E'] = filter::later{};
    EXPECT_EQ(it.send(wire::end_of_message{}), "");
    EXPECT_TRUE(it.told.edits->add_header("X", "1"));
    it.talk.resume(filter::go_on{});
    EXPECT_EQ(it.replies(), "add-header X=1 + continue");
}

TEST(a_later_answer, that_is_illegal_at_the_step_counts_as_go_on) {
    scene it;
    it.open();
    it.told.answers['C'] = filter::later{};
    it.send(wire::connect{});
    it.talk.resume(filter::discard{});
    EXPECT_EQ(it.replies(), "continue");
}

TEST(a_later_answer, is_ignored_when_nobody_waits) {
    scene it;
    it.open();
    it.talk.resume(filter::reject{});
    EXPECT_EQ(it.replies(), "");
    it.told.answers['H'] = filter::later{};
    it.send(wire::helo{"h"});
    EXPECT_EQ(it.send(wire::quit{}), "");
    it.talk.resume(filter::reject{});
    EXPECT_EQ(it.replies(), "");
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "helo h", "quit"));
}

TEST(a_later_answer, at_a_step_without_an_answer_is_go_on) {
    scene it;
    it.open(step::no_reply_helo);
    it.told.answers['H'] = filter::later{};
    EXPECT_EQ(it.send(wire::helo{"h"}), "");
    EXPECT_EQ(it.send(wire::mail{"<>", {}}), "continue");
}

TEST(a_later_answer, bounds_what_an_mta_may_send_ahead) {
    scene it;
    it.open();
    it.told.answers['H'] = filter::later{};
    it.send(wire::helo{"h"});
    std::string const piece(65535, 'x');
    for (int count = 0; count < 100 && !it.talk.closed(); ++count)
        it.send(wire::body{piece});
    EXPECT_TRUE(it.talk.closed());
}

TEST(hanging_up, closes_without_an_answer) {
    scene it;
    it.open();
    it.told.edit = [&](filter::edits&) { it.talk.hang_up(); };
    EXPECT_EQ(it.send(wire::end_of_message{}), "");
    EXPECT_TRUE(it.talk.closed());
}

TEST(a_lost_connection, is_the_end_of_the_session_once) {
    scene it;
    it.open();
    it.send(wire::mail{"<>", {}});
    EXPECT_TRUE(it.talk.in_message());
    it.talk.lost();
    it.talk.lost();
    EXPECT_THAT(it.asked(), ElementsAre("negotiate", "mail <>", "quit"));
}

} // namespace
