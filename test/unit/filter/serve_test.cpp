// The server on real sockets: a loopback connection, a unix socket and a socketpair.
#include "filter/serve.hpp"

#include "unit/filter/scene.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <sys/socket.h>

namespace {

using namespace std::chrono_literals;
using milter::test::script;
using milter::test::scripted_filter;
using testing::ElementsAre;
namespace asio = boost::asio;
namespace filter = milter::filter;
namespace io = milter::io;
namespace wire = milter::wire;

// The MTA's end: remembers the letters of what it was told.
class mta final : public io::line_user {
public:
    explicit mta(asio::io_context& context) : line(std::make_shared<io::line>(context, *this, 1 << 20)) {}
    ~mta() { line->close(); }

    void on_connected(io::line&) override { connected = true; }
    void on_frame(io::line&, wire::frame const& packet) override { heard += packet.code; }
    void on_lost(io::line&, io::lost why, std::string const&) override { lost = why; }

    void say(wire::command const& one) {
        wire::encode(line->queue(), one);
        line->flush();
    }

    std::shared_ptr<io::line> line;
    bool connected = false;
    std::string heard;
    std::optional<io::lost> lost;
};

class served : public testing::Test {
protected:
    // Runs what happens until it is so; fails after a long time.
    void until(std::function<bool()> const& so) {
        auto const end = std::chrono::steady_clock::now() + 20s;
        while (!so() && std::chrono::steady_clock::now() < end) {
            context.restart();
            context.run_one_for(1s);
        }
        ASSERT_TRUE(so());
    }
    filter::factory make() {
        return [this](filter::conversation& talk) -> std::unique_ptr<filter::filter> {
            told.talk = &talk;
            return std::make_unique<scripted_filter>(told);
        };
    }
    wire::endpoint loopback(std::uint16_t port) {
        return {.family = wire::endpoint::kind::inet, .path = {}, .port = port, .host = "127.0.0.1"};
    }
    void connect(mta& client, wire::endpoint const& where) {
        client.line->connect(where);
        until([&] { return client.connected; });
        client.say(wire::negotiate{6, wire::all_actions, wire::all_steps});
        until([&] { return client.heard == "O"; });
    }

    asio::io_context context;
    script told;
};

TEST_F(served, a_loopback_connection_is_talked_to) {
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    mta client(context);
    connect(client, loopback(server.port()));
    client.say(wire::helo{"h"});
    until([&] { return client.heard == "Oc"; });
    EXPECT_EQ(server.connections(), 1u);
    client.say(wire::quit{});
    until([&] { return client.lost.has_value() && server.connections() == 0; });
    EXPECT_EQ(client.lost, io::lost::closed);
    EXPECT_THAT(told.asked, ElementsAre("negotiate", "helo h", "quit"));
}

TEST_F(served, a_unix_socket_is_there_while_it_listens) {
    std::string const path =
        std::filesystem::temp_directory_path() / fmt::format("milter-serve-{}.sock", ::getpid());
    wire::endpoint const where{
        .family = wire::endpoint::kind::unix_socket, .path = path, .port = 0, .host = {}};
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(where));
    EXPECT_TRUE(std::filesystem::exists(path));
    mta client(context);
    connect(client, where);
    server.stop();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(served, a_connected_socket_is_adopted) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    filter::server server(context, make());
    server.adopt(io::descriptor(ends[0]));
    mta client(context);
    client.line->attach(io::descriptor(ends[1]));
    client.say(wire::negotiate{});
    until([&] { return client.heard == "O"; });
}

TEST_F(served, many_connections_are_separate_sessions) {
    constexpr int count = 50;
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    std::vector<std::unique_ptr<mta>> clients;
    for (int number = 0; number < count; ++number) {
        clients.push_back(std::make_unique<mta>(context));
        connect(*clients.back(), loopback(server.port()));
    }
    EXPECT_EQ(server.connections(), count);
    for (auto const& one : clients)
        one->say(wire::helo{"h"});
    until([&] { return std::ranges::all_of(clients, [](auto const& one) { return one->heard == "Oc"; }); });
    clients.clear();
    until([&] { return server.connections() == 0; });
    EXPECT_EQ(std::ranges::count(told.asked, "quit"), count);
}

TEST_F(served, a_broken_packet_closes_its_connection_only) {
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    mta good(context);
    mta bad(context);
    connect(good, loopback(server.port()));
    connect(bad, loopback(server.port()));
    bad.line->send(std::string_view("\0\0\0\1?", 5));
    bad.line->flush();
    until([&] { return bad.lost.has_value(); });
    good.say(wire::helo{"h"});
    until([&] { return good.heard == "Oc"; });
}

TEST_F(served, a_later_answer_leaves_when_it_is_given) {
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    told.answers['H'] = filter::later{};
    mta client(context);
    connect(client, loopback(server.port()));
    client.say(wire::helo{"h"});
    until([&] { return told.asked.size() == 2; });
    EXPECT_EQ(client.heard, "O");
    told.talk->resume(filter::reject{});
    until([&] { return client.heard == "Or"; });
}

TEST_F(served, hanging_up_closes_the_connection) {
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    told.edit = [&](filter::edits&) { told.talk->hang_up(); };
    mta client(context);
    connect(client, loopback(server.port()));
    client.say(wire::end_of_message{});
    until([&] { return client.lost.has_value() && server.connections() == 0; });
    EXPECT_EQ(client.heard, "O");
}

TEST_F(served, stop_closes_idle_connections_and_lets_messages_end) {
    filter::server server(context, make());
    ASSERT_TRUE(server.listen(loopback(0)));
    mta idle(context);
    mta busy(context);
    connect(idle, loopback(server.port()));
    connect(busy, loopback(server.port()));
    busy.say(wire::mail{"<>", {}});
    until([&] { return busy.heard == "Oc"; });
    server.stop();
    until([&] { return idle.lost.has_value() && server.connections() == 1; });
    EXPECT_FALSE(busy.lost);
    busy.say(wire::end_of_message{});
    until([&] { return busy.lost.has_value() && server.connections() == 0; });
    EXPECT_EQ(busy.heard, "Occ");
    mta late(context);
    late.line->connect(loopback(server.port()));
    until([&] { return late.lost.has_value(); });
    EXPECT_EQ(late.lost, io::lost::no_connection);
}

TEST_F(served, a_server_may_go_before_its_connections) {
    mta client(context);
    {
        filter::server server(context, make());
        ASSERT_TRUE(server.listen(loopback(0)));
        connect(client, loopback(server.port()));
    }
    until([&] { return client.lost.has_value(); });
    EXPECT_EQ(told.asked.back(), "quit");
}

TEST_F(served, an_endpoint_that_is_taken_is_an_error_that_names_it) {
    filter::server first(context, make());
    ASSERT_TRUE(first.listen(loopback(0)));
    filter::server second(context, make());
    auto const listening = second.listen(loopback(first.port()));
    ASSERT_FALSE(listening);
    EXPECT_THAT(listening.error(), testing::HasSubstr(loopback(first.port()).text()));
}

TEST(serve_in_one_call, ends_with_a_signal) {
    std::string const path =
        std::filesystem::temp_directory_path() / fmt::format("milter-call-{}.sock", ::getpid());
    wire::endpoint const where{
        .family = wire::endpoint::kind::unix_socket, .path = path, .port = 0, .host = {}};
    script told;
    // From another thread: a client that, once it was answered, ends the server.
    std::jthread const client([&] {
        asio::io_context context;
        for (mta one(context); one.heard.empty();) {
            mta attempt(context);
            attempt.line->connect(where);
            context.restart();
            while (!attempt.connected && !attempt.lost)
                context.run_one();
            if (attempt.lost) {
                std::this_thread::yield(); // it does not listen yet
                continue;
            }
            attempt.say(wire::negotiate{});
            while (attempt.heard.empty() && !attempt.lost)
                context.run_one();
            one.heard = attempt.heard;
        }
        ::kill(::getpid(), SIGTERM);
    });
    auto const served = filter::serve(where, [&](filter::conversation&) -> std::unique_ptr<filter::filter> {
        return std::make_unique<scripted_filter>(told);
    });
    EXPECT_TRUE(served);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_THAT(told.asked, ElementsAre("negotiate", "quit"));
}

} // namespace
