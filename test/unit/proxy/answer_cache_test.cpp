// What is kept of name servers' answers: until when, and how many.
#include "proxy/answer_cache.hpp"

#include <gtest/gtest.h>

namespace milter::proxy {
namespace {

using std::chrono::seconds;
using kind = dns_answer::kind;

dns_answer absent(seconds holds) {
    return {kind::none, {}, holds, {}};
}

class an_answer_cache : public testing::Test {
protected:
    answer_cache::time_point now{};
};

TEST_F(an_answer_cache, has_what_was_stored_until_its_time_is_over) {
    answer_cache kept;
    kept.store("a", {kind::found, {core::ip_address{}}, seconds(10), {}}, now);
    kept.store("b", absent(seconds(10)), now);
    ASSERT_NE(kept.find("a", now + seconds(9)), nullptr);
    EXPECT_EQ(kept.find("a", now + seconds(9))->addresses.size(), 1U);
    EXPECT_EQ(kept.find("b", now + seconds(9))->what, kind::none);
    EXPECT_EQ(kept.find("a", now + seconds(10)), nullptr);
    EXPECT_EQ(kept.find("c", now), nullptr);
}

TEST_F(an_answer_cache, has_no_failures_and_nothing_that_holds_for_no_time) {
    answer_cache kept;
    kept.store("a", {kind::failed, {}, seconds(10), "refused"}, now);
    kept.store("b", absent(seconds(0)), now);
    EXPECT_EQ(kept.size(), 0U);
}

TEST_F(an_answer_cache, has_the_last_answer) {
    answer_cache kept;
    kept.store("a", absent(seconds(10)), now);
    kept.store("a", {kind::found, {}, seconds(20), {}}, now + seconds(5));
    EXPECT_EQ(kept.size(), 1U);
    ASSERT_NE(kept.find("a", now + seconds(24)), nullptr);
    EXPECT_EQ(kept.find("a", now + seconds(24))->what, kind::found);
    EXPECT_EQ(kept.find("a", now + seconds(25)), nullptr);
}

TEST_F(an_answer_cache, gives_up_what_ends_first_when_it_is_full) {
    answer_cache kept(3);
    kept.store("a", absent(seconds(30)), now);
    kept.store("b", absent(seconds(10)), now);
    kept.store("c", absent(seconds(20)), now);
    kept.store("d", absent(seconds(5)), now);
    EXPECT_EQ(kept.size(), 3U);
    EXPECT_EQ(kept.find("b", now), nullptr);
    EXPECT_NE(kept.find("a", now), nullptr);
    EXPECT_NE(kept.find("c", now), nullptr);
    EXPECT_NE(kept.find("d", now), nullptr);
    // One that is replaced is no further one.
    kept.store("a", absent(seconds(1)), now);
    EXPECT_EQ(kept.size(), 3U);
    EXPECT_NE(kept.find("d", now), nullptr);
}

TEST_F(an_answer_cache, never_has_more_than_its_limit) {
    answer_cache kept;
    for (std::size_t i = 0; i < answer_cache::usual_limit + 100; ++i)
        kept.store(std::to_string(i), absent(seconds(3600 + i)), now);
    EXPECT_EQ(kept.size(), answer_cache::usual_limit);
    EXPECT_EQ(kept.find("99", now), nullptr);
    EXPECT_NE(kept.find("100", now), nullptr);
}

TEST_F(an_answer_cache, drops_what_is_over_when_something_new_comes) {
    answer_cache kept;
    kept.store("a", absent(seconds(10)), now);
    kept.store("b", absent(seconds(20)), now);
    kept.store("c", absent(seconds(20)), now + seconds(20));
    EXPECT_EQ(kept.size(), 1U);
}

} // namespace
} // namespace milter::proxy
