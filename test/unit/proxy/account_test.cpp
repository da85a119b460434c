// The ring of what became of messages: what is found, what goes first, how much it holds.
#include "proxy/account.hpp"

#include <string>

#include <gtest/gtest.h>

namespace milter::proxy {
namespace {

account message(std::uint64_t session, std::string queue_id) {
    account one;
    one.session = session;
    one.queue_id = std::move(queue_id);
    return one;
}

std::uint64_t found(recent const& in, std::string_view id) {
    auto const one = in.find(id);
    return one ? one->session : 0;
}

TEST(Recent, the_newest_of_a_queue_id_is_found_and_else_a_session) {
    recent all(10);
    all.keep(message(1, "A"));
    all.keep(message(2, "7"));
    all.keep(message(7, "A"));
    all.keep(message(8, ""));
    EXPECT_EQ(found(all, "A"), 7U);
    EXPECT_EQ(found(all, "7"), 2U);
    EXPECT_EQ(found(all, "8"), 8U);
    EXPECT_EQ(found(all, ""), 0U);
    EXPECT_EQ(found(all, "B"), 0U);
}

TEST(Recent, the_oldest_goes_first_and_a_smaller_ring_forgets_at_once) {
    recent all(3);
    for (std::uint64_t n = 1; n <= 5; ++n)
        all.keep(message(n, ""));
    EXPECT_EQ(all.all().size(), 3U);
    EXPECT_EQ(found(all, "2"), 0U);
    EXPECT_EQ(found(all, "3"), 3U);
    all.allow(1);
    EXPECT_EQ(found(all, "4"), 0U);
    EXPECT_EQ(found(all, "5"), 5U);
    all.allow(0);
    EXPECT_FALSE(all.wanted());
    EXPECT_EQ(found(all, "5"), 0U);
}

TEST(Recent, large_messages_are_fewer_and_texts_of_peers_are_cut) {
    recent all(10);
    for (std::uint64_t n = 1; n <= 10; ++n) {
        auto one = message(n, "");
        one.sender = std::string(1'000'000, 'x');
        one.children.resize(100);
        for (auto& child : one.children)
            child.reason = std::string(5000, 'y');
        all.keep(std::move(one));
    }
    EXPECT_EQ(all.all().size(), 0U); // each alone is more than the ring may hold
    for (std::uint64_t n = 1; n <= 10; ++n) {
        auto one = message(n, "");
        one.sender = std::string(1'000'000, 'x');
        one.children.resize(25);
        all.keep(std::move(one));
    }
    std::size_t bytes = 0;
    for (auto const& one : all.all()) {
        EXPECT_LT(one.sender.size(), 2000U);
        bytes += one.bytes();
    }
    EXPECT_LT(all.all().size(), 10U);
    EXPECT_GT(all.all().size(), 2U);
    EXPECT_LE(bytes, 10 * recent::bytes_each);
    EXPECT_EQ(found(all, "10"), 10U);
}

} // namespace
} // namespace milter::proxy
