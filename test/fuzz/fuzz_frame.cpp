// frame_reader against a plain second reader: the same frames and the same error however the stream is cut,
// and no memory for what is only announced. Input: limit, seed of the chunking, stream.
#include "fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

using namespace milter;
using fuzz::check;

namespace {

struct outcome {
    std::vector<std::pair<char, std::string>> frames;
    std::optional<wire::error> failed;
    bool in_frame = false;
    bool operator==(outcome const&) const = default;
};

outcome read_plainly(std::string_view stream, std::size_t limit) {
    outcome result;
    for (;;) {
        result.in_frame = !stream.empty();
        if (stream.size() < 4) return result;
        std::uint64_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length = length * 256 + static_cast<unsigned char>(stream[i]);
        if (length == 0)
            result.failed = wire::error::frame_empty;
        else if (length > limit + 1)
            result.failed = wire::error::frame_too_long;
        auto const one = fuzz::first_frame(stream);
        if (result.failed || !one) return result;
        result.frames.emplace_back(one->frame.code, one->frame.payload);
        stream.remove_prefix(one->size);
    }
}

outcome read_in_chunks(std::string_view stream, std::size_t limit, unsigned seed) {
    outcome result;
    std::minstd_rand random(seed);
    wire::frame_reader reader(limit);
    while (!stream.empty() && !result.failed) {
        std::size_t const room = 1 + random() % 64;
        auto const space = reader.space(room);
        check(space.size() >= room, "there is as much room as was asked for");
        // 16 KiB are never given back; beyond that there is only what has arrived.
        check(reader.capacity() <= 4 * (16 * 1024 + limit + 5 + 64), "memory is bounded");
        auto const n = std::min({space.size(), stream.size(), std::size_t{1} + random() % 64});
        std::memcpy(space.data(), stream.data(), n);
        reader.filled(n);
        stream.remove_prefix(n);
        for (;;) {
            auto const next = reader.next();
            if (!next) result.failed = next.error();
            if (!next || !*next) break;
            check((*next)->payload.size() <= limit, "no frame is above the limit");
            result.frames.emplace_back((*next)->code, (*next)->payload);
        }
    }
    result.in_frame = reader.in_frame();
    if (result.failed) check(reader.next().error() == *result.failed, "an error stays");
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) return 0;
    std::size_t const limit = data[0];
    auto const stream = fuzz::with_nuls(data + 2, size - 2);
    auto const plain = read_plainly(stream, limit);
    check(read_in_chunks(stream, limit, data[1]) == plain, "chunks do not change what is read");
    check(read_in_chunks(stream, limit, data[1] + 1U) == plain, "other chunks neither");
    std::string again;
    for (auto const& [code, payload] : plain.frames)
        wire::append_frame(again, code, payload);
    check(stream.starts_with(again), "frames written again are the stream");
    return 0;
}
