// Connecting a line: to what listens, to what does not, to what cannot be found.
#include "io/line.hpp"
#include "io/listener.hpp"

#include "unit/io/peer.hpp"
#include "unit/observe/temporary.hpp"

#include <gmock/gmock.h>
#include <sys/un.h>

namespace milter::io::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using kind = wire::endpoint::kind;

class connecting : public on_a_context {
protected:
    descriptor listen(wire::endpoint const& where, int backlog = 10) {
        listen_options options;
        options.backlog = backlog;
        auto const opened = open_listener(where, options);
        EXPECT_TRUE(opened) << opened.error();
        return descriptor(opened.value_or(-1));
    }
    void connect(wire::endpoint const& where) {
        ours = std::make_shared<line>(context, user, 1000);
        ours->connect(where);
        EXPECT_THAT(user.said, IsEmpty()); // never from inside
        EXPECT_EQ(user.losses, 0);
    }
    void until_told() {
        until([this] { return user.why || !user.said.empty(); });
    }
    void expect_no_connection(std::string const& detail) {
        until_told();
        EXPECT_EQ(user.why, lost::no_connection);
        EXPECT_THAT(user.said, IsEmpty());
        EXPECT_THAT(user.detail, HasSubstr(detail));
        settle();
        EXPECT_EQ(user.losses, 1);
    }
    ~connecting() override {
        if (ours) ours->close();
    }

    milter::test::temporary_folder folder;
    heard user;
    std::shared_ptr<line> ours;
};

void expect_conversation(heard& user, line& ours, int listening, std::function<void()> const& settle) {
    descriptor const peer(::accept(listening, nullptr, nullptr));
    ASSERT_GE(peer.get(), 0);
    ours.send("ping");
    ours.flush();
    EXPECT_EQ(peer.read(), "ping");
    std::string packet;
    wire::append_frame(packet, 'c', "");
    peer.write(packet);
    settle();
    EXPECT_THAT(user.said, ElementsAre("connected", "c"));
}

TEST_F(connecting, reaches_each_kind_of_endpoint) { // configuration 4
    wire::endpoint const each[] = {{kind::unix_socket, folder / "a.sock", 0, ""},
                                   {kind::inet, "", 0, "127.0.0.1"},
                                   {kind::inet6, "", 0, "::1"},
                                   {kind::inet6, "", 0, "::1%1"}, // with a zone
                                   {kind::inet, "", 0, "localhost"},
                                   {kind::inet, "", 0, ""}};
    for (auto where : each) {
        SCOPED_TRACE(where.text());
        user = {};
        auto const listening = listen(where);
        if (where.family != kind::unix_socket) where.port = bound_port(listening.get());
        connect(where);
        until_told();
        ASSERT_THAT(user.said, ElementsAre("connected"));
        expect_conversation(user, *ours, listening.get(),
                            [this] { until([this] { return user.said.size() > 1; }); });
        ours->close();
    }
}

TEST_F(connecting, sends_what_was_queued_meanwhile_when_told_to) {
    wire::endpoint where{kind::inet, "", 0, "127.0.0.1"};
    auto const listening = listen(where);
    where.port = bound_port(listening.get());
    user.when_connected = [](line& one) { one.flush(); };
    connect(where);
    ours->send("early");
    until_told();
    descriptor const peer(::accept(listening.get(), nullptr, nullptr));
    until([&] { return peer.read() == "early"; });
}

TEST_F(connecting, to_a_port_where_nobody_listens_is_refused) {
    wire::endpoint where{kind::inet, "", 0, "127.0.0.1"};
    where.port = bound_port(listen(where).get()); // closed again
    connect(where);
    expect_no_connection("refused");
    EXPECT_THAT(user.detail, HasSubstr(where.text()));
}

TEST_F(connecting, to_a_socket_that_is_not_there_says_so) {
    connect({kind::unix_socket, folder / "none.sock", 0, ""});
    expect_no_connection("No such file");
}

TEST_F(connecting, to_a_socket_that_nobody_serves_is_refused) {
    wire::endpoint const where{kind::unix_socket, folder / "left.sock", 0, ""};
    listen(where); // closed again; the file stays
    connect(where);
    expect_no_connection("refused");
}

TEST_F(connecting, to_a_name_that_has_no_address_of_the_family_fails) {
    connect({kind::inet, "", 25, "::1"}); // an address of the other family, so no name server is asked
    expect_no_connection("::1");
}

// Linux answers EAGAIN then, and the socket is writable at once: that is no connection, nor a reason to let
// mail pass unfiltered.
TEST_F(connecting, to_a_unix_socket_whose_queue_is_full_waits_for_room) { // chain P50
    wire::endpoint const where{kind::unix_socket, folder / "full.sock", 0, ""};
    auto const listening = listen(where, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.path.copy(address.sun_path, sizeof address.sun_path - 1);
    std::vector<descriptor> others;
    for (int failed = 0; failed == 0;) {
        others.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        failed = ::connect(others.back().get(), reinterpret_cast<sockaddr const*>(&address), sizeof address);
        ASSERT_LT(others.size(), 100u);
    }
    ASSERT_EQ(errno, EAGAIN);
    connect(where);
    for (int round = 0; round < 3; ++round) {
        context.restart();
        context.run_one(); // it has tried again
        EXPECT_THAT(user.said, IsEmpty());
        EXPECT_EQ(user.losses, 0);
    }
    descriptor const first(::accept(listening.get(), nullptr, nullptr));
    until_told();
    EXPECT_THAT(user.said, ElementsAre("connected"));
}

TEST_F(connecting, can_be_given_up) {
    wire::endpoint where{kind::inet, "", 0, "localhost"};
    auto const listening = listen(where);
    where.port = bound_port(listening.get());
    for (int steps = 0; steps < 4; ++steps) { // while it resolves, connects, or is told
        connect(where);
        for (int i = 0; i < steps; ++i) {
            context.restart();
            context.poll_one();
        }
        user.said.clear();
        ours->close();
        ours.reset();
        context.restart();
        context.run_for(std::chrono::seconds(20));
        EXPECT_TRUE(context.stopped());
        EXPECT_THAT(user.said, IsEmpty());
        EXPECT_EQ(user.losses, 0);
    }
}

TEST_F(connecting, can_be_given_up_by_the_one_who_is_told) {
    wire::endpoint const where{kind::unix_socket, folder / "a.sock", 0, ""};
    auto const listening = listen(where);
    user.when_connected = [this](line& one) {
        one.close();
        ours.reset();
    };
    connect(where);
    until_told();
    settle();
    EXPECT_FALSE(ours);
    EXPECT_EQ(user.losses, 0);
}

} // namespace
} // namespace milter::io::test
