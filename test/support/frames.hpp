// Whole frames out of bytes that hold nothing else, for tests that look at what was sent. Never for a stream,
// whose last frame may be cut.
#pragma once

#include "wire/frame.hpp"

#include <string_view>

namespace milter::test {

// each(wire::frame const&), in order; ends at what is not a frame.
template <class Each>
void for_each_frame(std::string_view bytes, Each each) {
    while (auto const next = wire::take_frame(bytes))
        each(*next);
}

} // namespace milter::test
