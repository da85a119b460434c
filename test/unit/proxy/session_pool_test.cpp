// Sessions that get their connections out of a pool: what the child sees, and what is mended (chain V.5).
#include "proxy/session.hpp"

#include "unit/proxy/one_child.hpp"

#include <gmock/gmock.h>
#include <sys/un.h>

namespace milter::proxy::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class a_session_with_a_pool : public with_one_child {
protected:
    std::shared_ptr<io::asio::io_context> const shared_context{std::shared_ptr<void>(), &context};
    // The MTA's end of a new session that has made its offer.
    std::unique_ptr<conversation> begun() {
        int pair[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        auto const now = std::make_shared<generation>();
        auto rules = std::make_shared<core::policy>();
        child.on_failure = core::fallback::temp_fail;
        child.retry_next_message = false;
        rules->children = {child};
        now->with.rules = rules;
        connections.serve(rules->children);
        auto const one = std::make_shared<session>(
            now, *log, 1, surroundings{shared_context, connections, of_children, lists},
            [this](session&) { ++over; });
        one->start(io::descriptor(pair[0]), {});
        sessions.push_back(one);
        auto mta = std::make_unique<conversation>(descriptor(pair[1]), true);
        mta->says(offer);
        return mta;
    }
    std::unique_ptr<conversation> answers(std::unique_ptr<conversation> peer,
                                          std::string_view answer = "agree v6") {
        until_told(*peer, offered);
        peer->says(answer);
        return peer;
    }
    // A session has been, and one connection is ready.
    std::unique_ptr<conversation> warmed_up(std::string_view answer = "agree v6") {
        auto const mta = begun();
        auto const used = answers(connected(), answer);
        auto warm = answers(connected(), answer);
        until([this] { return connections.ready() == 1; });
        leave(*mta, 1);
        return warm;
    }
    void leave(conversation& mta, int number) {
        mta.says("quit");
        until([&] { return over == number; });
    }
    void until_heard(conversation& mta, std::string const& last) {
        until([&] { return mta.told().ends_with("\n" + last + "\n"); });
    }
    ~a_session_with_a_pool() override {
        connections.stop();
        settle();
    }

    // A socket whose queue is full: connecting to it neither succeeds nor fails.
    descriptor full() {
        io::listen_options options;
        options.backlog = 0;
        descriptor taken(io::open_listener(child.where, options).value());
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        child.where.path.copy(to.sun_path, sizeof to.sun_path - 1);
        for (int failed = 0; failed == 0;) {
            in_the_queue.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            failed = ::connect(in_the_queue.back().get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
        }
        EXPECT_EQ(errno, EAGAIN);
        return taken;
    }

    std::vector<descriptor> in_the_queue;
    int over = 0;
    std::string offer = "offer v6 actions=all steps=all";
    std::string const offered = "offer v6 actions=all steps=all\n";
    std::string const connect = "connect mx 4 25000 192.0.2.1\n";
    pool connections{context, *log};
    health of_children{*log};
    resolver lists{context, *log};
    std::vector<std::shared_ptr<session>> sessions;
};

TEST_F(a_session_with_a_pool, begins_with_a_child_that_has_agreed_already) {
    auto const warm = warmed_up("agree v6 actions=add-headers");
    auto const mta = begun();
    until([&] { return mta->told().starts_with("agree v6 actions=add-headers"); });
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->says("continue");
    until_heard(*mta, "continue");
    leave(*mta, 2);
    until_told(*warm, offered + connect + "quit\n");
    EXPECT_TRUE(warm->closed());
}

TEST_F(a_session_with_a_pool, makes_its_own_connection_for_another_offer) {
    auto const warm = warmed_up();
    offer = "offer v6 actions=add-headers steps=all";
    auto const mta = begun();
    auto const own = connected();
    until_told(*own, offer + "\n");
    EXPECT_TRUE(warm->closed());
    EXPECT_EQ(warm->told(), offered);
    own->says("agree v6");
    until([&] { return mta->told().starts_with("agree"); });
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, mends_a_connection_that_dies_at_its_first_use) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    mta->says("macros C j=mx");
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + "macros C j=mx\n" + connect);
    warm->closes();
    auto const again = answers(connected());
    until_told(*again, offered + "macros C j=mx\n" + connect);
    again->says("continue");
    until_heard(*mta, "continue");
    EXPECT_THAT(logged(), HasSubstr("pool_connection_replaced session=1 child=scan"));
    EXPECT_THAT(logged(), Not(HasSubstr("child_failed")));
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, repeats_all_that_a_child_was_told_that_answers_nothing) {
    std::string const silent = "agree v6 steps=no-reply-connect|no-reply-helo";
    auto warm = warmed_up(silent);
    auto const mta = begun();
    auto const spare = answers(connected(), silent);
    mta->says("connect mx 192.0.2.1");
    mta->says("helo h");
    until_told(*warm, offered + connect + "helo h\n");
    warm->closes();
    auto const again = connected();
    until_told(*again, offered);
    mta->says("mail <x@example.net>"); // meanwhile
    until([&] {
        settle();
        return again->told() == offered;
    });
    again->says(silent);
    until_told(*again, offered + connect + "helo h\nmail <x@example.net>\n");
    again->says("continue");
    until_heard(*mta, "continue");
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, mends_once_only) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->closes();
    auto again = answers(connected());
    until_told(*again, offered + connect);
    again->closes();
    until_heard(*mta, "temporary-failure");
    EXPECT_THAT(logged(), HasSubstr("child_failed"));
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, does_not_mend_what_has_answered_once) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->says("continue");
    until_heard(*mta, "continue");
    mta->says("helo h");
    until_told(*warm, offered + connect + "helo h\n");
    warm->closes();
    until_heard(*mta, "temporary-failure");
    EXPECT_TRUE(nobody_connects());
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, a_child_that_agrees_to_something_else_now_has_failed) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->closes();
    auto const again = answers(connected(), "agree v6 steps=no-body");
    until_heard(*mta, "temporary-failure");
    EXPECT_THAT(logged(), HasSubstr("it agrees to something else than before"));
    EXPECT_EQ(again->told(), offered);
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, a_child_that_cannot_be_reached_again_costs_its_fallback) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    stop_listening();
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->closes();
    until_heard(*mta, "temporary-failure");
    EXPECT_THAT(logged(), HasSubstr("cannot connect"));
    leave(*mta, 2);
}

TEST_F(a_session_with_a_pool, gives_up_mending_when_the_mta_leaves) {
    auto warm = warmed_up();
    auto const mta = begun();
    auto const spare = answers(connected());
    mta->says("connect mx 192.0.2.1");
    until_told(*warm, offered + connect);
    warm->closes();
    auto const again = connected();
    until_told(*again, offered);
    leave(*mta, 2);
    until([&] { return again->closed(); });
}

TEST_F(a_session_with_a_pool, fails_at_once_with_a_child_that_is_left_alone) { // chain P56
    child.breaker_failures = 2;
    child.breaker_pause = std::chrono::hours(1);
    stop_listening();
    for (int number = 1; number <= 3; ++number) {
        auto const mta = begun();
        until([&] { return mta->told().starts_with("agree"); });
        mta->says("connect mx 192.0.2.1");
        until_heard(*mta, "temporary-failure");
        leave(*mta, number);
        bool const alone = logged().find("cannot connect: left alone for another 3") != std::string::npos;
        EXPECT_EQ(alone, number == 3) << number;
    }
    listen(); // nobody looks yet
    auto const mta = begun();
    until([&] { return mta->told().starts_with("agree"); });
    EXPECT_TRUE(nobody_connects());
    leave(*mta, 4);
}

TEST_F(a_session_with_a_pool, counts_a_child_that_is_not_connected_in_time_as_not_reached) { // chain P56
    child.pool_size = 0;
    child.breaker_failures = 1;
    child.breaker_pause = std::chrono::hours(1);
    child.connection_timeout = core::milliseconds(1);
    stop_listening();
    listening = full();
    auto const mta = begun();
    until([&] { return mta->told().starts_with("agree"); });
    EXPECT_THAT(logged(), HasSubstr("not connected within connection_timeout"));
    EXPECT_THAT(logged(), HasSubstr("child_left_alone"));
    mta->says("connect mx 192.0.2.1");
    until_heard(*mta, "temporary-failure");
    leave(*mta, 1);
}

TEST_F(a_session_with_a_pool, does_not_blame_a_child_for_an_mta_that_leaves) { // chain P56
    child.pool_size = 0;
    child.breaker_failures = 1;
    stop_listening();
    listening = full();
    auto mta = begun();
    settle();
    mta->closes();
    until([&] { return over == 1; });
    EXPECT_THAT(logged(), Not(HasSubstr("child_left_alone")));
}

TEST(A_rescue, repeats_nothing_behind_an_end_of_message) {
    rescue first_use({}, "");
    std::string packets;
    wire::encode(packets, wire::helo{"h"});
    first_use.told(packets);
    EXPECT_TRUE(first_use.can_mend(io::lost::closed));
    EXPECT_TRUE(first_use.can_mend(io::lost::reset));
    EXPECT_FALSE(first_use.can_mend(io::lost::cut)); // it has said something
    EXPECT_FALSE(first_use.can_mend(io::lost::garbage));
    wire::encode(packets, wire::end_of_message{});
    first_use.told(packets);
    EXPECT_FALSE(first_use.can_mend(io::lost::closed));
}

TEST(A_rescue, repeats_no_more_than_64_kib) {
    rescue first_use({}, "");
    std::string packets;
    wire::encode(packets, wire::helo{std::string(30'000, 'x')});
    first_use.told(packets);
    first_use.told(packets);
    EXPECT_TRUE(first_use.can_mend(io::lost::closed));
    first_use.told(packets);
    EXPECT_FALSE(first_use.can_mend(io::lost::closed));
}

} // namespace
} // namespace milter::proxy::test
