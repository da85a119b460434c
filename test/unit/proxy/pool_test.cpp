#include "proxy/pool.hpp"

#include "unit/proxy/one_child.hpp"

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class a_pool : public with_one_child { // chain V.5
protected:
    // What a session does; its own connection, when there is none, is not made here.
    std::optional<pool::connection> take() {
        connections.serve({child});
        return connections.take(child, offer, user);
    }
    // Somebody asks, and one connection becomes ready.
    std::unique_ptr<conversation> filled(std::string_view answer = "agree v6") {
        EXPECT_FALSE(take());
        auto peer = connected();
        until_told(*peer, offered);
        auto const before = connections.ready();
        peer->says(answer);
        until([&] { return connections.ready() > before; });
        return peer;
    }
    ~a_pool() override {
        connections.stop();
        settle();
    }

    wire::negotiate offer{6, wire::all_actions, wire::all_steps};
    std::string offered = "offer v6 actions=all steps=all\n";
    io::test::heard user;
    pool connections{context, *log};
};

TEST_F(a_pool, is_empty_until_somebody_has_asked) {
    EXPECT_TRUE(nobody_connects());
    EXPECT_EQ(connections.ready(), 0u);
}

TEST_F(a_pool, hands_out_a_connection_that_has_answered_the_offer) {
    auto const peer = filled("agree v6 actions=add-headers steps=no-body");
    auto const got = take();
    ASSERT_TRUE(got);
    auto const answer = wire::decode_reply({'O', got->answer});
    ASSERT_TRUE(answer);
    EXPECT_EQ(std::get<wire::negotiated>(*answer).steps, wire::steps(wire::step::no_body));
    std::string packet;
    wire::encode(packet, wire::helo{"h"});
    got->line->send(packet);
    got->line->flush();
    until_told(*peer, offered + "helo h\n");
    peer->says("continue");
    until([this] { return !user.said.empty(); });
    EXPECT_EQ(user.said.front(), "c");
    got->line->close();
}

TEST_F(a_pool, hands_out_each_connection_once_and_is_filled_up_again) {
    auto const first = filled();
    auto const got = take();
    ASSERT_TRUE(got);
    EXPECT_FALSE(take());
    auto const second = connected();
    until_told(*second, offered);
    second->says("agree v6");
    until([this] { return connections.ready() == 1; });
    auto const next = take();
    ASSERT_TRUE(next);
    EXPECT_NE(next->line, got->line);
    got->line->close();
    next->line->close();
}

TEST_F(a_pool, keeps_as_many_as_is_configured_and_makes_two_at_once) {
    child.pool_size = 5;
    EXPECT_FALSE(take());
    std::vector<std::unique_ptr<conversation>> peers;
    peers.push_back(connected());
    for (std::size_t ready = 1; ready <= 5; ++ready) {
        if (peers.size() < 5) peers.push_back(connected());
        EXPECT_TRUE(nobody_connects()) << ready;
        auto const& next = peers[ready - 1];
        until_told(*next, offered);
        next->says("agree v6");
        until([&] { return connections.ready() == ready; });
    }
    EXPECT_TRUE(nobody_connects());
}

TEST_F(a_pool, of_size_0_makes_nothing) {
    child.pool_size = 0;
    EXPECT_FALSE(take());
    EXPECT_TRUE(nobody_connects());
}

TEST_F(a_pool, drops_what_was_offered_something_else) {
    auto const peer = filled();
    offer.steps = wire::steps(wire::step::no_body);
    EXPECT_FALSE(take());
    EXPECT_EQ(connections.ready(), 0u);
    until([&] { return peer->closed(); });
    EXPECT_TRUE(nobody_connects()); // it may have been a single one
    offered = "offer v6 actions=all steps=no-body\n";
    auto const fresh = filled();
    auto const got = take();
    ASSERT_TRUE(got);
    got->line->close();
}

TEST_F(a_pool, drops_what_the_child_has_closed) {
    auto const peer = filled();
    peer->closes();
    until([this] { return connections.ready() == 0; });
    EXPECT_TRUE(nobody_connects()); // only somebody who asks fills it up again
    auto const fresh = filled();
    EXPECT_EQ(connections.ready(), 1u);
    EXPECT_THAT(logged(), Not(HasSubstr("pool_not_filled")));
}

TEST_F(a_pool, does_not_hand_out_what_was_closed_a_moment_ago) { // the event has not been handled yet
    auto const peer = filled();
    peer->closes();
    EXPECT_FALSE(take());
}

TEST_F(a_pool, does_not_hand_out_a_child_that_speaks_unasked) {
    auto const peer = filled();
    peer->says("continue");
    EXPECT_FALSE(take());
    auto const other = connected();
    until_told(*other, offered);
    other->says("agree v6");
    until([this] { return connections.ready() == 1; });
    other->says("reject");
    until([this] { return connections.ready() == 0; });
}

TEST_F(a_pool, drops_what_nobody_wanted_for_pool_idle) {
    child.pool_idle = core::milliseconds(1);
    EXPECT_FALSE(take());
    auto const peer = connected();
    until_told(*peer, offered);
    peer->says("agree v6");
    until([&] { return peer->closed(); });
    EXPECT_EQ(connections.ready(), 0u);
    EXPECT_TRUE(nobody_connects());
}

TEST_F(a_pool, rests_after_a_failure_and_says_so) {
    stop_listening();
    EXPECT_FALSE(take());
    until([this] { return logged().find("pool_not_filled") != std::string::npos; });
    EXPECT_THAT(logged(), HasSubstr("child=scan"));
    EXPECT_THAT(logged(), HasSubstr("cannot connect"));
    listen();
    EXPECT_FALSE(take());
    EXPECT_TRUE(nobody_connects());
}

TEST_F(a_pool, does_not_wait_for_a_child_that_says_nothing) {
    child.reading_timeout = core::milliseconds(1);
    EXPECT_FALSE(take());
    auto const peer = connected();
    until([&] { return peer->closed(); });
    EXPECT_THAT(logged(), HasSubstr("nothing within reading_timeout"));
}

TEST_F(a_pool, drops_connections_to_a_child_that_is_gone_and_makes_none_for_sessions_that_still_know_it) {
    auto const peer = filled();
    connections.serve({});
    EXPECT_TRUE(peer->closed());
    EXPECT_EQ(connections.ready(), 0u);
    EXPECT_FALSE(connections.take(child, offer, user));
    EXPECT_TRUE(nobody_connects());
}

TEST_F(a_pool, keeps_connections_to_a_child_that_stays) {
    auto const peer = filled();
    auto other = child;
    other.where.path += ".other";
    child.on_failure = core::fallback::reject;
    connections.serve({other, child});
    EXPECT_FALSE(peer->closed());
    auto const got = connections.take(child, offer, user);
    ASSERT_TRUE(got);
    got->line->close();
}

TEST_F(a_pool, is_no_larger_than_its_new_size_and_no_older_than_its_new_age) {
    child.pool_size = 2;
    EXPECT_FALSE(take());
    auto const first = connected();
    auto const second = connected();
    first->says("agree v6");
    second->says("agree v6");
    until([this] { return connections.ready() == 2; });
    child.pool_size = 1;
    connections.serve({child});
    EXPECT_EQ(connections.ready(), 1u);
    child.pool_idle = core::milliseconds(1000);
    connections.serve({child});
    EXPECT_EQ(connections.ready(), 0u);
    EXPECT_TRUE(first->closed());
    EXPECT_TRUE(second->closed());
}

TEST_F(a_pool, holds_nothing_after_a_stop) {
    filled()->closes();
    until([this] { return connections.ready() == 0; });
    auto const before = open_descriptors();
    child.pool_size = 2;
    EXPECT_FALSE(take());
    {
        auto const ready = connected();
        auto const dialling = connected();
        until_told(*ready, offered);
        ready->says("agree v6");
        until([this] { return connections.ready() == 1; });
        connections.stop();
        settle();
        EXPECT_TRUE(ready->closed());
        EXPECT_TRUE(dialling->closed());
        EXPECT_FALSE(take());
        EXPECT_TRUE(nobody_connects());
        context.restart();
        EXPECT_EQ(context.run(), 0u); // nothing keeps a thread busy
    }
    EXPECT_EQ(open_descriptors(), before);
}

} // namespace
} // namespace milter::proxy::test
