// Whole frames out of bytes that hold nothing else, for tests that look at what was sent. Never for a stream,
// whose last frame may be cut.
#pragma once

#include "wire/frame.hpp"

#include <cstddef>
#include <string_view>

namespace milter::test {

// each(wire::frame const&), in order; ends at what is not a frame.
template <class Each>
void for_each_frame(std::string_view bytes, Each each) {
    wire::frame_reader reader(std::size_t{1} << 30);
    auto const room = reader.space(bytes.size());
    bytes.copy(room.data(), bytes.size());
    reader.filled(bytes.size());
    for (auto next = reader.next(); next && *next; next = reader.next())
        each(**next);
}

} // namespace milter::test
