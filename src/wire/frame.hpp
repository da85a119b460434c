// Length-prefixed frames (protocol 1) out of any chunking: bytes go in as they arrive, views of whole frames
// come out. Never copies a payload, never holds more than one limit's worth of an unfinished frame.
#pragma once

#include "wire/error.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::wire {

// One packet: a letter and what follows it. The view belongs to whoever handed the frame out.
struct frame {
    char code = 0;
    std::string_view payload;
};

class frame_reader {
public:
    // max_payload: bytes after the code byte that are still accepted.
    explicit frame_reader(std::size_t max_payload);

    // Room for the next read, at least `at_least` bytes. Invalidates every frame handed out so far. Memory
    // grows with what has arrived, never with what is announced, and is given back behind a large frame; it
    // stays around max_payload when next() is called until it yields nothing before each space().
    std::span<char> space(std::size_t at_least);
    // Says how many bytes of that room are now filled.
    void filled(std::size_t n);

    // The next whole frame; nothing when more bytes are needed; an error ends the stream (it stays an error).
    // The frame's view is valid until the next space().
    tl::expected<std::optional<frame>, error> next();

    // Between two reads a reader needs memory only for a frame that has begun, so many readers can share what
    // they read into. use() takes it over (what is unread is copied into it); it must be larger than
    // capacity(). give_back() returns it and keeps a copy of what is unread, or returns nothing when that is
    // much. Both invalidate every frame handed out.
    void use(std::vector<char> buffer);
    std::vector<char> give_back();

    // True when a frame has begun and not ended: an end of stream here is a cut packet. To be asked when
    // next() has yielded nothing.
    bool in_frame() const;
    // Bytes of buffer held.
    std::size_t capacity() const;

private:
    std::vector<char> buffer_;
    std::size_t begin_ = 0; // first byte not yet handed out
    std::size_t end_ = 0;   // behind the last byte filled
    std::size_t max_payload_;
};

// Cuts the first frame off bytes that hold whole frames; nothing when they are used up, or are no frame. The
// frame's view is into them.
std::optional<frame> take_frame(std::string_view& bytes);

// Appends one frame. Payload must be below 4 GiB - 1.
void append_frame(std::string& out, char code, std::string_view payload);
// The same for a payload of two pieces.
void append_frame(std::string& out, char code, std::string_view first, std::string_view second);

// Only its head, for a payload of that size which the caller appends next.
void append_frame_head(std::string& out, char code, std::size_t payload_size);

} // namespace milter::wire
