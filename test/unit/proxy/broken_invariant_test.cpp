// A mistake of our own (here: rules that change under a session) costs that session, and nobody else.
#include "proxy/session.hpp"

#include "unit/proxy/one_child.hpp"

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using testing::HasSubstr;

class a_session_that_finds_a_mistake : public with_one_child {
protected:
    a_session_that_finds_a_mistake() {
        rules->conditions = {never_at(core::stage::mail), never_at(core::stage::end_of_message)};
        child.pool_size = 0;
        child.conditions = {0, 1};
        rules->children = {child};
        begun->with.rules = rules;
        begun->with.figures = std::make_shared<meter>(figures, *rules);
    }
    ~a_session_that_finds_a_mistake() override {
        connections.stop();
        settle();
    }
    static core::condition never_at(core::stage at) {
        core::rule one;
        one.at = at;
        one.when = {core::sessions_at_least{1'000'000}};
        return {"never", "a:1", {one}};
    }
    // The MTA has greeted, and the child continued; from then on no condition is where the session looks.
    void greet() {
        int pair[2] = {-1, -1};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        mta = std::make_unique<conversation>(descriptor(pair[1]), true);
        one = std::make_shared<session>(begun, *log, 1,
                                        surroundings{shared_context, connections, of_children, lists},
                                        [this](session&) { ++over; });
        one->start(io::descriptor(pair[0]), {});
        mta->says("offer v6 actions=all steps=all");
        peer = connected();
        until([this] { return !peer->told().empty(); });
        peer->says("agree v6");
        until([this] { return !mta->told().empty(); });
        says("connect mx 192.0.2.1");
        answered();
    }
    void says(std::string_view command) {
        heard = mta->told();
        mta->says(command);
    }
    void answered() {
        auto const before = peer->told();
        until([&] { return peer->told() != before || !mta->told().empty(); });
        peer->says("continue");
        until([this] { return mta->told() != heard; });
    }
    void spoil() { rules->children[0].conditions = {77}; }
    void ends_with(std::string const& answer) {
        until([this] { return mta->closed() && over == 1; });
        EXPECT_EQ(mta->told(), heard + answer);
        EXPECT_TRUE(peer->closed());
        EXPECT_EQ(figures.process.broken_invariants.value(), 1u);
        EXPECT_THAT(logged(), HasSubstr("error broken_invariant session=1 file=applicability.cpp line="));
        EXPECT_THAT(logged(), HasSubstr("error=\"a child's condition is one of the policy\""));
    }

    std::shared_ptr<io::asio::io_context> const shared_context{std::shared_ptr<void>(), &context};
    std::shared_ptr<core::policy> const rules = std::make_shared<core::policy>();
    std::shared_ptr<generation> const begun = std::make_shared<generation>();
    observe::metrics figures{figure_words()};
    pool connections{context, *log};
    health of_children{*log};
    resolver lists{context, *log};
    std::shared_ptr<session> one;
    std::unique_ptr<conversation> mta;
    std::unique_ptr<conversation> peer;
    std::string heard; // by the MTA, before its last command
    int over = 0;
};

TEST_F(a_session_that_finds_a_mistake, gives_the_fallback_status_and_ends) {
    rules->on_no_child_left = core::fallback::reject;
    greet();
    spoil();
    says("mail <a@b>");
    ends_with("reject\n");
}

TEST_F(a_session_that_finds_a_mistake, lets_mail_pass_where_that_is_the_fallback_status) {
    greet();
    spoil();
    says("mail <a@b>");
    ends_with("accept\n");
}

TEST_F(a_session_that_finds_a_mistake, never_lets_half_a_set_of_edits_pass) {
    greet();
    for (auto const* const command : {"mail <a@b>", "rcpt <c@d>", "data"}) {
        says(command);
        answered();
    }
    says("end-of-headers"); // which is the child's to answer, not ours
    until([this] { return peer->told().ends_with("end-of-headers\n"); });
    spoil();
    peer->says("continue");
    says("end-of-message");
    ends_with("temporary-failure\n");
}

} // namespace
} // namespace milter::proxy::test
