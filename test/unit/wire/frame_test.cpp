#include "wire/frame.hpp"

#include "unit/wire/notation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace milter::wire::test {
namespace {

using packets = std::vector<std::pair<char, std::string>>;

void feed(frame_reader& reader, std::string_view piece) {
    auto const space = reader.space(piece.size());
    ASSERT_GE(space.size(), piece.size());
    if (!piece.empty()) std::memcpy(space.data(), piece.data(), piece.size());
    reader.filled(piece.size());
}

// Takes all whole frames out.
void drain(frame_reader& reader, packets& into) {
    for (;;) {
        auto const next = reader.next();
        ASSERT_TRUE(next) << describe(next.error());
        if (!*next) return;
        into.emplace_back((*next)->code, (*next)->payload);
    }
}

packets const& sample() {
    static packets const all = {
        {'T', ""}, {'H', std::string("mail.example\0", 13)}, {'B', std::string(300, 'b')},
        {'A', ""}, {'\0', std::string("\0\0\0\0\1", 5)},     {'E', ""},
    };
    return all;
}

std::string stream_of(packets const& all) {
    std::string stream;
    for (auto const& [code, payload] : all)
        append_frame(stream, code, payload);
    return stream;
}

TEST(frame, is_a_length_a_letter_and_a_payload) { // protocol 1
    std::string out = "before";
    append_frame(out, 'H', std::string_view("mx\0", 3));
    append_frame(out, 'B', "one", "two");
    append_frame(out, 'Q', {});
    append_frame_head(out, 'B', 65535);
    EXPECT_EQ(out,
              "before" +
                  bytes(R"(00 00 00 04 "Hmx" 00 00 00 00 07 "Bonetwo" 00 00 00 01 "Q" 00 01 00 00 "B")"));
}

TEST(frame, comes_out_the_same_one_byte_at_a_time) {
    frame_reader reader(1000);
    packets got;
    for (char c : stream_of(sample())) {
        feed(reader, {&c, 1});
        drain(reader, got);
    }
    EXPECT_EQ(got, sample());
    EXPECT_FALSE(reader.in_frame());
}

TEST(frame, comes_out_the_same_in_pieces_of_any_size) {
    auto const stream = stream_of(sample());
    for (std::size_t size = 1; size <= stream.size(); ++size) {
        frame_reader reader(1000);
        packets got;
        for (std::size_t at = 0; at < stream.size(); at += size) {
            feed(reader, std::string_view(stream).substr(at, size));
            drain(reader, got);
        }
        ASSERT_EQ(got, sample()) << "pieces of " << size;
    }
}

TEST(frame, comes_out_the_same_at_every_pair_of_splits) {
    auto all = sample();
    all[2].second = "bb"; // short enough to try all of them
    std::string const stream = stream_of(all);
    for (std::size_t a = 0; a <= stream.size(); ++a)
        for (std::size_t b = a; b <= stream.size(); ++b) {
            frame_reader reader(1000);
            packets got;
            for (auto piece :
                 {std::string_view(stream).substr(0, a), std::string_view(stream).substr(a, b - a),
                  std::string_view(stream).substr(b)}) {
                feed(reader, piece);
                drain(reader, got);
            }
            ASSERT_EQ(got, all) << "splits at " << a << " and " << b;
        }
}

TEST(frame, comes_out_the_same_when_readers_share_what_they_read_into) {
    std::string stream;
    for (auto const& [code, payload] : sample())
        append_frame(stream, code, payload);
    append_frame(stream, 'B', std::string(10'000, 'x'));
    auto expected = sample();
    expected.emplace_back('B', std::string(10'000, 'x'));
    for (std::size_t const piece : {1u, 7u, 300u, 4'095u, 4'097u, 20'000u}) {
        frame_reader one(1 << 20), other(1 << 20);
        packets of_one, of_other;
        std::vector<char> shared;
        auto const read = [&](frame_reader& reader, std::size_t at, packets& into) {
            if (reader.capacity() < 20'000) {
                shared.resize(20'000);
                reader.use(std::exchange(shared, {}));
            }
            feed(reader, std::string_view(stream).substr(at, piece));
            drain(reader, into);
            shared = reader.give_back();
        };
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            read(one, at, of_one);
            read(other, at, of_other);
        }
        EXPECT_EQ(of_one, expected) << piece;
        EXPECT_EQ(of_other, expected) << piece;
        EXPECT_EQ(one.capacity(), 0u) << piece;
    }
}

TEST(frame, that_has_begun_is_all_that_a_reader_keeps_when_it_gives_back) {
    frame_reader reader(1 << 20);
    std::string packet;
    append_frame(packet, 'B', std::string(100'000, 'x'));
    reader.use(std::vector<char>(60'000));
    feed(reader, std::string_view(packet).substr(0, 3'000));
    EXPECT_EQ(reader.give_back().size(), 60'000u);
    EXPECT_EQ(reader.capacity(), 3'000u);
    reader.use(std::vector<char>(60'000));
    feed(reader, std::string_view(packet).substr(3'000, 50'000));
    EXPECT_TRUE(reader.give_back().empty()); // so much is not copied
    EXPECT_TRUE(reader.in_frame());
    feed(reader, std::string_view(packet).substr(53'000));
    packets all;
    drain(reader, all);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].second.size(), 100'000u);
}

TEST(frame, waits_for_the_last_byte) {
    auto const stream = stream_of({{'H', "abc"}});
    frame_reader reader(1000);
    EXPECT_FALSE(reader.in_frame());
    for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
        feed(reader, {&stream[i], 1});
        auto const next = reader.next();
        ASSERT_TRUE(next);
        ASSERT_FALSE(*next) << "after " << i + 1 << " bytes";
        EXPECT_TRUE(reader.in_frame());
    }
    feed(reader, {&stream.back(), 1});
    auto const next = reader.next();
    ASSERT_TRUE(next && *next);
    EXPECT_FALSE(reader.in_frame());
}

TEST(frame, stays_valid_while_more_frames_are_taken) {
    frame_reader reader(1000);
    feed(reader, stream_of({{'H', "first"}, {'L', "second"}}));
    auto const first = reader.next();
    auto const second = reader.next();
    auto const none = reader.next();
    ASSERT_TRUE(first && *first && second && *second && none && !*none);
    EXPECT_EQ((*first)->payload, "first");
    EXPECT_EQ((*second)->payload, "second");
}

// protocol 1: the limit counts the payload, `length - 1`.
TEST(frame, is_accepted_up_to_the_limit_and_not_a_byte_beyond) {
    for (std::size_t limit : {0U, 1U, 10U, 65535U, 300000U}) {
        for (std::size_t size : {limit - 1, limit}) {
            if (size > limit) continue; // below a limit of 0
            frame_reader reader(limit);
            packets got;
            feed(reader, stream_of({{'B', std::string(size, 'x')}}));
            drain(reader, got);
            ASSERT_EQ(got.size(), 1U) << size << " of " << limit;
            EXPECT_EQ(got[0].second.size(), size);
        }
        frame_reader reader(limit);
        feed(reader, stream_of({{'B', std::string(limit + 1, 'x')}}));
        auto const next = reader.next();
        ASSERT_FALSE(next) << limit;
        EXPECT_EQ(next.error(), error::frame_too_long);
    }
}

TEST(frame, that_is_too_long_is_refused_when_its_length_is_known) {
    frame_reader reader(10);
    feed(reader, bytes("00 00 00"));
    ASSERT_TRUE(reader.next());
    feed(reader, bytes("0C"));
    ASSERT_FALSE(reader.next());
}

TEST(frame, without_even_a_letter_is_an_error_that_stays) {
    frame_reader reader(1000);
    packets got;
    feed(reader, stream_of({{'H', "ok"}}) + bytes("00 00 00 00"));
    ASSERT_TRUE(*reader.next());
    for (int i = 0; i < 3; ++i) {
        auto const next = reader.next();
        ASSERT_FALSE(next);
        EXPECT_EQ(next.error(), error::frame_empty);
        feed(reader, stream_of({{'H', "never seen"}}));
    }
}

TEST(frame, of_any_announced_length_costs_only_what_arrived) {
    for (auto const* header : {"03 FF FF FF 42", "FF FF FF FF 42"}) {
        frame_reader reader(std::size_t{1} << 32);
        feed(reader, bytes(header));
        for (int i = 0; i < 100; ++i) {
            feed(reader, std::string(100, 'x'));
            auto const next = reader.next();
            ASSERT_TRUE(next && !*next);
        }
        EXPECT_LE(reader.capacity(), 4U * 100 * 100);
    }
}

TEST(frame, never_makes_the_reader_hold_much_more_than_the_limit) {
    constexpr std::size_t limit = 100000, read = 4096;
    frame_reader reader(limit);
    packets got;
    auto const stream = stream_of({{'B', std::string(limit, 'x')}, {'B', std::string(limit, 'y')}});
    for (std::size_t at = 0; at < stream.size(); at += read) {
        feed(reader, std::string_view(stream).substr(at, read));
        EXPECT_LE(reader.capacity(), limit + 5 + 2 * read);
        drain(reader, got);
    }
    EXPECT_EQ(got.size(), 2U);
}

TEST(frame, that_was_large_gives_its_memory_back) {
    frame_reader reader(10 << 20);
    packets got;
    feed(reader, stream_of({{'b', std::string(5 << 20, 'x')}, {'H', "next"}}) + bytes("00 00"));
    drain(reader, got);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_GE(reader.capacity(), std::size_t{5} << 20);
    reader.space(4096);
    EXPECT_LE(reader.capacity(), 4U * 16 * 1024);
    feed(reader, bytes("00 01 51"));
    drain(reader, got);
    ASSERT_EQ(got.size(), 3U) << "the bytes of the next frame must survive";
    EXPECT_EQ(got[2].first, 'Q');
}

TEST(frame, leaves_all_of_the_buffer_to_the_next_read_when_all_are_taken) {
    frame_reader reader(1000);
    packets got;
    feed(reader, stream_of(sample()));
    drain(reader, got);
    EXPECT_EQ(reader.space(1).size(), reader.capacity());
}

// Counts the bytes that the reader moves: whenever space() does not go on behind the last byte filled, what
// was unread has been copied.
std::size_t bytes_moved(std::string_view stream, std::size_t piece, std::size_t room) {
    frame_reader reader(2 << 20);
    std::size_t moved = 0, unread = 0;
    char const* expected = nullptr;
    while (!stream.empty()) {
        auto const space = reader.space(room);
        if (space.data() != expected) moved += unread;
        auto const n = std::min({piece, space.size(), stream.size()});
        std::memcpy(space.data(), stream.data(), n);
        reader.filled(n);
        expected = space.data() + n;
        stream.remove_prefix(n);
        unread += n;
        for (auto next = reader.next(); next && *next; next = reader.next())
            unread -= 5 + (*next)->payload.size();
    }
    EXPECT_EQ(unread, 0U);
    return moved;
}

TEST(frame, costs_linear_time_in_any_chunking) {
    std::string small, large, mixed;
    for (int i = 0; i < 20000; ++i)
        append_frame(small, 'L', std::string(static_cast<std::size_t>(i % 100), 'x'));
    append_frame(large, 'b', std::string(1 << 20, 'x'));
    for (int i = 0; i < 20; ++i) {
        append_frame(mixed, 'B', std::string(65535, 'x'));
        append_frame(mixed, 'L', "small");
    }
    for (auto const* stream : {&small, &large, &mixed})
        for (std::size_t piece : {1U, 7U, 1000U, 4096U, 65536U})
            for (std::size_t room : {std::size_t{1}, piece, std::size_t{65536}})
                EXPECT_LE(bytes_moved(*stream, piece, room), 4 * stream->size())
                    << "pieces of " << piece << ", room for " << room << ", stream of " << stream->size();
}

TEST(frame, costs_linear_time_even_when_taken_one_a_read) {
    std::string const packet = stream_of({{'L', "a line"}});
    frame_reader reader(1 << 20);
    std::size_t const reads = 20000;
    std::size_t backlog = 0;
    // Until the buffer is full: then every read needs room.
    for (; backlog < 5000 || reader.space(0).size() >= packet.size(); ++backlog)
        feed(reader, packet);
    std::size_t moved = 0, taken = 0;
    for (std::size_t i = 0; i < reads; ++i) {
        auto const next = reader.next();
        ASSERT_TRUE(next && *next);
        taken += (*next)->payload == "a line" ? 1U : 0U;
        auto const* const behind = reader.space(0).data();
        if (reader.space(packet.size()).data() != behind) moved += (backlog - 1) * packet.size();
        feed(reader, packet);
    }
    EXPECT_EQ(taken, reads);
    EXPECT_LE(moved, 4 * (backlog + reads) * packet.size());
}

} // namespace
} // namespace milter::wire::test
