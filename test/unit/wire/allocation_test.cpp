// The hot path of the wire takes no memory: a mail of a million header lines must not be a million
// allocations.
#include "unit/wire/generate.hpp"
#include "unit/wire/notation.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace {
std::atomic<std::size_t> allocations{0};

void* take(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
} // namespace

void* operator new(std::size_t size) {
    return take(size);
}
void* operator new[](std::size_t size) {
    return take(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace milter::wire::test {
namespace {

TEST(allocation, is_counted_here) {
    auto const before = allocations.load();
    std::vector<int> some(100);
    some.push_back(1);
    EXPECT_EQ(allocations - before, 2U);
}

TEST(allocation, is_not_needed_to_read_decode_and_encode) {
    generator random(7);
    std::vector<command> commands;
    std::vector<reply> replies;
    std::string stream;
    for (std::size_t i = 0; i < 20 * std::variant_size_v<command>; ++i)
        encode(stream, commands.emplace_back(random.command(i % std::variant_size_v<command>)));
    auto const border = stream.size();
    for (std::size_t i = 0; i < 20 * std::variant_size_v<reply>; ++i)
        encode(stream, replies.emplace_back(random.reply(i % std::variant_size_v<reply>)));
    frame_reader reader(1 << 20);
    auto const room = reader.space(stream.size());
    std::memcpy(room.data(), stream.data(), stream.size());
    reader.filled(stream.size());
    std::string out;
    out.reserve(stream.size());
    std::size_t decoded = 0, named = 0;

    auto const before = allocations.load();
    for (auto next = reader.next(); next && *next; next = reader.next()) {
        if (out.size() < border) {
            auto const one = decode_command(**next);
            if (!one || oddity(**next)) break;
            encode(out, *one);
            named += command_name((*next)->code).size();
        } else {
            auto const one = decode_reply(**next);
            if (!one) break;
            encode(out, *one);
            named += reply_name((*next)->code).size();
        }
        ++decoded;
    }
    auto const used = allocations - before;

    EXPECT_EQ(decoded, commands.size() + replies.size());
    EXPECT_GT(named, decoded);
    EXPECT_TRUE(out == stream);
    EXPECT_EQ(used, 0U);
}

TEST(allocation, is_not_needed_for_another_read_of_the_usual_size) {
    frame_reader reader(1 << 20);
    std::string packet;
    append_frame(packet, 'L', std::string(700, 'x'));
    std::size_t frames = 0, before = 0;
    for (int i = 0; i < 1000; ++i) {
        if (i == 10) before = allocations;
        auto const room = reader.space(4096);
        std::memcpy(room.data(), packet.data(), packet.size());
        reader.filled(packet.size());
        for (auto next = reader.next(); next && *next; next = reader.next())
            ++frames;
    }
    EXPECT_EQ(frames, 1000U);
    EXPECT_EQ(allocations - before, 0U);
}

} // namespace
} // namespace milter::wire::test
