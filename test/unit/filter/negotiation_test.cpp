// protocol 3, 19.1, 19.7: what a filter agrees on with its MTA.
#include "unit/filter/scene.hpp"

#include <gmock/gmock.h>

namespace {

using milter::test::scene;
using testing::ElementsAre;
using testing::IsEmpty;
namespace filter = milter::filter;
namespace wire = milter::wire;
using wire::action;
using wire::step;

TEST(negotiation, claims_only_what_was_wished_and_offered) {
    scene it;
    it.told.negotiation =
        filter::wish{action::add_headers | action::quarantine, step::skip | step::no_helo, {}};
    EXPECT_EQ(it.send(wire::negotiate{6, wire::actions(action::add_headers) | action::change_body,
                                      wire::steps(step::skip) | step::no_connect}),
              "negotiated 6 0x1 0x400");
    EXPECT_TRUE(it.talk.agreed().actions.has(action::add_headers));
    EXPECT_FALSE(it.talk.agreed().actions.has(action::quarantine));
}

TEST(negotiation, answers_with_the_lower_version) {
    for (auto const& [offered, agreed] : {std::pair{2u, 2u}, {4u, 4u}, {6u, 6u}, {9u, 6u}}) {
        scene it;
        EXPECT_EQ(it.send(wire::negotiate{offered, {}, {}}), fmt::format("negotiated {} 0x0 0x0", agreed));
    }
}

TEST(negotiation, takes_an_offer_of_nothing_for_the_first_set) {
    scene it;
    it.told.negotiation = filter::wish{wire::all_actions, wire::all_steps, {}};
    EXPECT_EQ(it.send(wire::negotiate{2, {}, {}}), "negotiated 2 0xf 0x3f");
}

TEST(negotiation, ignores_what_follows_the_twelve_bytes) {
    scene it;
    EXPECT_EQ(it.raw('O', std::string_view("\0\0\0\6\0\0\1\xFF\0\x1F\xFF\xFFsurplus", 19)),
              "negotiated 6 0x0 0x0");
    EXPECT_FALSE(it.talk.closed());
}

TEST(negotiation, asks_for_macros_with_terminated_lists) {
    scene it;
    it.told.negotiation = filter::wish{{}, {}, {{wire::macro_stage::rcpt, "{rcpt_mailer} i"}}};
    std::string bytes;
    wire::encode(bytes, wire::negotiate{6, wire::all_actions, wire::all_steps});
    it.talk.handle({'O', std::string_view(bytes).substr(5)});
    EXPECT_EQ(it.out, std::string("\0\0\0\x21O\0\0\0\6\0\0\1\0\0\0\0\0\0\0\0\3{rcpt_mailer} i\0", 37));
}

TEST(negotiation, leaves_macro_lists_out_when_they_were_not_offered) {
    scene it;
    it.told.negotiation = filter::wish{{}, {}, {{wire::macro_stage::rcpt, "i"}}};
    EXPECT_EQ(it.send(wire::negotiate{4, wire::actions(0x3F), {}}), "negotiated 4 0x0 0x0");
}

TEST(negotiation, that_the_filter_refuses_closes_without_an_answer) {
    scene it;
    it.told.negotiation = filter::refuse{};
    EXPECT_EQ(it.send(wire::negotiate{}), "");
    EXPECT_TRUE(it.talk.closed());
}

TEST(negotiation, of_a_version_before_2_closes) {
    scene it;
    EXPECT_EQ(it.send(wire::negotiate{1, {}, {}}), "");
    EXPECT_TRUE(it.talk.closed());
}

TEST(negotiation, may_be_answered_later) {
    scene it;
    it.told.negotiation = filter::later{};
    EXPECT_EQ(it.send(wire::negotiate{6, wire::all_actions, {}}), "");
    it.send(wire::helo{"x"});
    EXPECT_THAT(it.asked(), ElementsAre("negotiate"));
    it.talk.resume(filter::wish{action::quarantine, {}, {}});
    EXPECT_EQ(it.replies(), "negotiated 6 0x20 0x0 + continue");
    EXPECT_THAT(it.asked(), ElementsAre("helo x"));
    EXPECT_GT(it.flushes, 0);
}

TEST(negotiation, that_is_refused_later_closes) {
    scene it;
    it.told.negotiation = filter::later{};
    it.send(wire::negotiate{});
    it.talk.resume(filter::refuse{});
    EXPECT_EQ(it.replies(), "");
    EXPECT_TRUE(it.talk.closed());
    EXPECT_GT(it.flushes, 0);
}

TEST(broken_protocol, closes_and_is_told_to_the_filter) {
    {
        scene it;
        EXPECT_EQ(it.send(wire::helo{"x"}), "");
        EXPECT_THAT(it.asked(), ElementsAre("error: a command before the negotiation", "quit"));
        EXPECT_TRUE(it.talk.closed());
    }
    {
        scene it;
        it.open();
        EXPECT_EQ(it.send(wire::negotiate{}), "");
        EXPECT_THAT(it.asked(), ElementsAre("negotiate", "error: a second negotiation", "quit"));
    }
    {
        scene it;
        it.open();
        EXPECT_EQ(it.raw('Z', "?"), "");
        EXPECT_TRUE(it.talk.closed());
        EXPECT_THAT(it.asked(), ElementsAre("negotiate", testing::StartsWith("error: "), "quit"));
        EXPECT_EQ(it.send(wire::helo{"x"}), "");
        EXPECT_THAT(it.asked(), IsEmpty());
    }
    {
        scene it;
        it.open();
        EXPECT_EQ(it.raw('H', "no NUL"), "");
        EXPECT_TRUE(it.talk.closed());
    }
}

} // namespace
