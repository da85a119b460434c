// decode(encode(m)) == m for random messages of every kind, through a reader that gets them in random pieces.
#include "unit/wire/generate.hpp"
#include "unit/wire/notation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace milter::wire::test {
namespace {

constexpr std::uint32_t seed = 20240917;
constexpr std::size_t rounds = 400;

// Feeds `stream` in random pieces; calls `each` with every frame.
template <class Each>
void read_in_pieces(generator& random, std::string_view stream, Each each) {
    frame_reader reader(1 << 20);
    while (!stream.empty()) {
        auto const space = reader.space(1 + random.below(300));
        auto const n = std::min({stream.size(), space.size(), 1 + random.below(2000)});
        std::memcpy(space.data(), stream.data(), n);
        reader.filled(n);
        stream.remove_prefix(n);
        for (;;) {
            auto const next = reader.next();
            ASSERT_TRUE(next) << describe(next.error());
            if (!*next) break;
            each(**next);
        }
    }
    EXPECT_FALSE(reader.in_frame());
}

TEST(round_trip, gives_every_random_command_back) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    generator random(seed);
    std::vector<command> sent;
    std::string stream;
    for (std::size_t i = 0; i < rounds * std::variant_size_v<command>; ++i) {
        sent.push_back(random.command(i % std::variant_size_v<command>));
        ASSERT_EQ(sent.back().index(), i % std::variant_size_v<command>);
        encode(stream, sent.back());
    }
    std::size_t got = 0;
    read_in_pieces(random, stream, [&](frame const& packet) {
        auto const result = decode_command(packet);
        ASSERT_TRUE(result) << "message " << got << ": " << describe(result.error());
        ASSERT_TRUE(*result == sent.at(got)) << "message " << got << ", a " << command_name(packet.code);
        EXPECT_EQ(oddity(packet), std::nullopt) << "message " << got;
        ++got;
    });
    EXPECT_EQ(got, sent.size());
}

TEST(round_trip, gives_every_random_reply_back) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    generator random(seed);
    std::vector<reply> sent;
    std::string stream;
    for (std::size_t i = 0; i < rounds * std::variant_size_v<reply>; ++i) {
        sent.push_back(random.reply(i % std::variant_size_v<reply>));
        ASSERT_EQ(sent.back().index(), i % std::variant_size_v<reply>);
        encode(stream, sent.back());
    }
    std::size_t got = 0;
    read_in_pieces(random, stream, [&](frame const& packet) {
        auto const result = decode_reply(packet);
        ASSERT_TRUE(result) << "message " << got << ": " << describe(result.error());
        ASSERT_TRUE(*result == sent.at(got)) << "message " << got << ", a " << reply_name(packet.code);
        ++got;
    });
    EXPECT_EQ(got, sent.size());
}

// A cut payload may be refused or mean less, but what it is taken for must survive a second trip.
TEST(round_trip, is_stable_for_every_cut_of_a_message) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    generator random(seed);
    std::size_t accepted = 0, refused = 0;
    auto check = [&](auto const& message, auto decode) {
        auto const packet = encoded(message);
        auto const whole = frame_of(packet);
        for (std::size_t size = 0; size < std::min<std::size_t>(whole.payload.size(), 200); ++size) {
            auto const first = decode(frame{whole.code, whole.payload.substr(0, size)});
            ++(first ? accepted : refused);
            if (!first) continue;
            auto const again = encoded(*first);
            auto const second = decode(frame_of(again));
            ASSERT_TRUE(second);
            ASSERT_TRUE(*second == *first) << "cut at " << size << " of " << whole.code;
        }
    };
    for (std::size_t i = 0; i < 40 * std::variant_size_v<command>; ++i)
        check(random.command(i % std::variant_size_v<command>), decode_command);
    for (std::size_t i = 0; i < 40 * std::variant_size_v<reply>; ++i)
        check(random.reply(i % std::variant_size_v<reply>), decode_reply);
    EXPECT_GT(accepted, 1000U);
    EXPECT_GT(refused, 1000U);
}

} // namespace
} // namespace milter::wire::test
