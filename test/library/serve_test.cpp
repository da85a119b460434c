#include <milter/milter.hpp>
#include <milter/mta.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace std::literals;

class Serving : public testing::Test {
protected:
    Serving() : folder_(std::filesystem::temp_directory_path() / ("milterxx-" + std::to_string(::getpid()))) {
        std::filesystem::create_directory(folder_);
    }
    ~Serving() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

struct naming : milter::handler {
    milter::answer on_end_of_message(milter::edits& message) override {
        message.add_header("X-I", macro("i").value_or("none"));
        return milter::go_on{};
    }
};

milter::maker make_naming() {
    return [] { return std::make_unique<naming>(); };
}

TEST_F(Serving, AMailOverEachKindOfSocket) {
    milter::serve_options options;
    options.unix_mode = 0600;
    milter::server server(make_naming(), options);
    auto const path = (folder_ / "s").string();
    ASSERT_TRUE(server.listen("unix:" + path));
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
    ASSERT_TRUE(server.listen("inet:0@127.0.0.1"));
    std::jthread const running([&] { server.run(); });
    for (auto const& spec : {"unix:" + path, "inet:" + std::to_string(server.port()) + "@127.0.0.1"}) {
        milter::mta mta(spec);
        ASSERT_TRUE(mta) << mta.error();
        mta.macros(milter::macro_stage::mail, {{"i", "ID"}});
        EXPECT_EQ(mta.mail("<a@x>").what, milter::verdict::go_on);
        auto const heard = mta.end_of_message();
        ASSERT_EQ(heard.edits.size(), 1U);
        EXPECT_EQ(heard.edits[0].value, "ID");
        mta.quit();
    }
    server.stop();
}

TEST_F(Serving, StopLetsAMessageEndAndClosesTheRest) {
    milter::server server(make_naming());
    ASSERT_TRUE(server.listen("inet:0@127.0.0.1"));
    auto const spec = "inet:" + std::to_string(server.port()) + "@127.0.0.1";
    std::jthread const running([&] { server.run(); });
    milter::mta busy(spec), idle(spec);
    EXPECT_EQ(busy.mail("<a@x>").what, milter::verdict::go_on);
    EXPECT_EQ(idle.helo("x").what, milter::verdict::go_on);
    server.stop();
    while (idle.helo("x").what != milter::verdict::lost)
        std::this_thread::yield();
    EXPECT_EQ(busy.end_of_message().what, milter::verdict::go_on);
    EXPECT_EQ(busy.mail("<a@x>").what, milter::verdict::lost);
}

TEST_F(Serving, AServerMayGoWhileSessionsAreOpen) {
    std::optional<milter::mta> mta;
    {
        milter::server server(make_naming());
        ASSERT_TRUE(server.listen("inet:0@127.0.0.1"));
        std::jthread const running([&] { server.run(); });
        mta.emplace("inet:" + std::to_string(server.port()) + "@127.0.0.1");
        mta->helo("x");
        server.stop();
    }
    EXPECT_EQ(mta->helo("y").what, milter::verdict::lost);
}

TEST_F(Serving, ComplaintsNameThePlace) {
    milter::server server(make_naming());
    auto const colon = server.listen("foo");
    EXPECT_FALSE(colon);
    EXPECT_EQ(colon.complaint(), "spec doesn't have colon: <foo>");
    auto const nowhere = server.listen("unix:/none/x.sock");
    EXPECT_FALSE(nowhere);
    EXPECT_NE(nowhere.complaint().find("unix:/none/x.sock"), std::string::npos);
    milter::mta const lonely("unix:" + (folder_ / "nobody").string());
    EXPECT_FALSE(lonely);
    EXPECT_EQ(lonely.error(),
              "unix:" + (folder_ / "nobody").string() + ": cannot connect: No such file or directory");
    EXPECT_FALSE(milter::mta("bogus"));
}

TEST_F(Serving, AServeCallThatCannotListenIsStatus1) {
    EXPECT_EQ(milter::serve<naming>("unix:/none/x.sock"), 1);
}

} // namespace
