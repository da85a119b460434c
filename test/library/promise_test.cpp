#include <milter/milter.hpp>
#include <milter/testing.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace {

using namespace std::literals;

// Its answers come from another thread.
struct late : milter::handler {
    milter::answer on_mail(std::string_view, milter::arguments) override {
        answers(milter::reject{});
        return milter::later{};
    }
    milter::answer on_end_of_message(milter::edits&) override {
        worker_ = std::jthread([promise = defer()] {
            promise.progress();
            promise.resume(milter::accept{}, [](milter::edits& message) { message.add_header("X", "late"); });
        });
        return milter::later{};
    }
    void answers(milter::body_answer what) {
        worker_ = std::jthread([promise = defer(), what] {
            promise.resume(what);
            promise.resume(milter::accept{}); // too late
        });
    }
    std::jthread worker_;
};

TEST(Promise, IsKeptFromAnotherThread) {
    auto mta = milter::drive<late>();
    EXPECT_EQ(mta.mail("<a@x>").what, milter::verdict::reject);
    mta.abort();
    auto const heard = mta.end_of_message();
    EXPECT_EQ(heard.what, milter::verdict::accept);
    EXPECT_EQ(heard.progress, 1U);
    ASSERT_EQ(heard.edits.size(), 1U);
    EXPECT_EQ(heard.edits[0].value, "late");
}

struct keeping : milter::handler {
    explicit keeping(std::optional<milter::deferred>& kept) : kept_(kept) {}
    milter::connect_answer on_helo(std::string_view) override {
        kept_ = defer();
        return milter::later{};
    }
    std::optional<milter::deferred>& kept_;
};

TEST(Promise, OutlivesItsSession) {
    std::optional<milter::deferred> kept;
    {
        auto mta = milter::drive([&] { return std::make_unique<keeping>(kept); },
                                 {{6, milter::all_actions, milter::all_steps}, 20ms});
        EXPECT_EQ(mta.helo("x").what, milter::verdict::lost);
    }
    kept->resume(milter::accept{});
    kept->progress();
}

TEST(Promise, OfAFormerStepDoesNotAnswerALaterOne) {
    struct first : milter::handler {
        milter::connect_answer on_helo(std::string_view) override {
            auto const now = defer();
            if (former_) former_->resume(milter::reject{});
            now.resume(milter::go_on{});
            former_ = now;
            return milter::later{};
        }
        std::optional<milter::deferred> former_;
    };
    auto mta = milter::drive<first>();
    EXPECT_EQ(mta.helo("one").what, milter::verdict::go_on);
    EXPECT_EQ(mta.helo("two").what, milter::verdict::go_on);
}

TEST(Promise, IsKeptOverASocketToo) {
    milter::server server([] { return std::make_unique<late>(); });
    auto const listening = server.listen("inet:0@127.0.0.1");
    ASSERT_TRUE(listening) << listening.complaint();
    std::jthread const running([&] { server.run(); });
    milter::mta mta("inet:" + std::to_string(server.port()) + "@127.0.0.1");
    ASSERT_TRUE(mta) << mta.error();
    EXPECT_EQ(mta.mail("<a@x>").what, milter::verdict::reject);
    mta.abort();
    EXPECT_EQ(mta.end_of_message().edits.size(), 1U);
    server.stop();
}

} // namespace
