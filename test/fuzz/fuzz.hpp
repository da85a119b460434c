// What the fuzz targets share: a check that ends the run, and corpora that stay readable. Never included by
// anything but fuzz targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "wire/frame.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace milter::fuzz {

inline void check(bool ok, char const* what, int line = __builtin_LINE(),
                  char const* file = __builtin_FILE()) {
    if (ok) return;
    std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, what);
    std::abort();
}

inline std::string as_text(std::uint8_t const* data, std::size_t size) {
    return {reinterpret_cast<char const*>(data), size};
}

// The input with each '|' read as a NUL, so that files in the corpus are text.
inline std::string with_nuls(std::uint8_t const* data, std::size_t size) {
    auto result = as_text(data, size);
    for (auto& c : result)
        if (c == '|') c = '\0';
    return result;
}

// The frame at the front of `stream`, and how many bytes it takes; nothing when it is not whole. Deliberately
// plain: the second opinion on frame_reader.
struct cut_frame {
    wire::frame frame;
    std::size_t size;
};
inline std::optional<cut_frame> first_frame(std::string_view stream) {
    if (stream.size() < 5) return std::nullopt;
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
        length = length * 256 + static_cast<unsigned char>(stream[i]);
    if (length == 0 || stream.size() - 4 < length) return std::nullopt;
    auto const n = static_cast<std::size_t>(length);
    return cut_frame{{stream[4], stream.substr(5, n - 1)}, 4 + n};
}

// The frame that `packet` is and nothing more.
inline wire::frame only_frame(std::string_view packet) {
    auto const one = first_frame(packet);
    check(one && one->size == packet.size(), "an encoder writes exactly one frame");
    return one->frame;
}

} // namespace milter::fuzz
