#include "io/readiness.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

namespace milter::io {
namespace {

struct end final : readiness::watcher {
    explicit end(boost::asio::io_context& context) : ready(readiness::of(context)) {
        std::array<int, 2> both{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both.data()), 0);
        ours = descriptor(both[0]);
        peer = descriptor(both[1]);
    }
    ~end() { leave(); }
    void watch(bool writing = false) { watched = ready.add(ours.number(), *this, writing); }
    void leave() {
        if (std::exchange(watched, false)) ready.remove(ours.number(), *this);
    }
    void on_ready(readiness::news const& what) override {
        told +=
            std::string(what.readable ? "r" : "") + (what.writable ? "w" : "") + (what.over ? "o" : "") + " ";
        if (then) then();
    }
    void peer_says(std::string_view what) const {
        ASSERT_EQ(::write(peer.number(), what.data(), what.size()), static_cast<ssize_t>(what.size()));
    }

    readiness& ready;
    descriptor ours, peer;
    bool watched = false;
    std::string told;
    std::function<void()> then;
};

class readiness_test : public testing::Test {
protected:
    boost::asio::io_context context{1};
};

TEST_F(readiness_test, tells_each_change_once) {
    end one(context);
    one.watch();
    context.poll();
    EXPECT_EQ(one.told, "");
    one.peer_says("a");
    context.poll();
    context.poll();
    EXPECT_EQ(one.told, "r ") << "nobody has read it, and nothing has changed";
    one.peer_says("b");
    context.poll();
    EXPECT_EQ(one.told, "r r ");
    one.peer.close();
    context.poll();
    EXPECT_EQ(one.told, "r r rwo ");
}

TEST_F(readiness_test, tells_what_is_there_already) {
    end one(context);
    one.peer_says("a");
    one.watch();
    context.poll();
    EXPECT_EQ(one.told, "r ");
}

TEST_F(readiness_test, tells_that_it_can_be_written_only_to_who_asks) {
    end one(context);
    one.watch();
    one.ready.change(one.ours.number(), one, true);
    context.poll();
    EXPECT_EQ(one.told, "w ");
    one.ready.change(one.ours.number(), one, false);
    context.poll();
    EXPECT_EQ(one.told, "w ");
}

TEST_F(readiness_test, tells_nothing_any_more_to_who_was_removed_by_another) {
    end one(context);
    end two(context);
    one.watch();
    two.watch();
    one.then = [&] { two.leave(); };
    two.then = [&] { one.leave(); };
    one.peer_says("a");
    two.peer_says("a");
    context.poll();
    EXPECT_EQ(one.told + two.told, "r ");
}

TEST_F(readiness_test, tells_everybody_however_many_there_are) {
    std::vector<std::unique_ptr<end>> many;
    for (int i = 0; i < 300; ++i) {
        many.push_back(std::make_unique<end>(context));
        many.back()->watch();
        many.back()->peer_says("a");
    }
    context.poll();
    for (auto const& one : many)
        EXPECT_EQ(one->told, "r ");
}

TEST_F(readiness_test, keeps_run_going_as_long_as_it_watches_something) {
    end one(context);
    one.watch();
    one.then = [&] { one.leave(); };
    one.peer_says("a");
    context.run();
    EXPECT_EQ(one.told, "r ");
    context.restart();
    one.told.clear();
    one.watch(); // what is there is told anew
    context.run();
    EXPECT_EQ(one.told, "r ");
}

TEST_F(readiness_test, watches_again_what_comes_before_it_has_noticed_that_nobody_was_left) {
    end one(context);
    one.watch();
    context.poll();
    one.leave();
    one.watch();
    one.then = [&] { one.leave(); };
    one.peer_says("a");
    context.run();
    EXPECT_EQ(one.told, "r ");
}

TEST_F(readiness_test, refuses_what_cannot_be_watched) {
    end one(context);
    EXPECT_FALSE(one.ready.add(-1, one, false));
    EXPECT_EQ(context.run(), 0u);
}

} // namespace
} // namespace milter::io
