#include "wire/frame.hpp"

#include "wire/bytes.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <utility>

namespace milter::wire {

namespace {
constexpr std::size_t length_bytes = 4;
constexpr std::size_t header_bytes = length_bytes + 1;
// A buffer of up to this size is never worth giving back.
constexpr std::size_t small_buffer = 16 * 1024;
// So many unread bytes are copied rather than kept where they are.
constexpr std::size_t worth_a_copy = 4 * 1024;
// A buffer is given back when it is this many times larger than what is needed now.
constexpr std::size_t slack = 4;
} // namespace

frame_reader::frame_reader(std::size_t max_payload) : max_payload_(max_payload) {}

// Every move of bytes is paid for by at least as many bytes handed out or newly arrived since the last one,
// so a stream costs linear time however it is chunked.
std::span<char> frame_reader::space(std::size_t at_least) {
    auto const unread = end_ - begin_;
    auto const needed = unread + at_least;
    if (unread == 0) begin_ = end_ = 0;
    bool const too_large = buffer_.size() > slack * std::max(small_buffer, needed);
    if (too_large || buffer_.size() - end_ < at_least) {
        if (!too_large && begin_ >= unread && buffer_.size() >= needed) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, unread);
        } else {
            // Twice what has arrived, but never much beyond the largest frame: an announced length counts
            // nothing.
            auto const largest = header_bytes + max_payload_ + at_least;
            auto const size = too_large ? needed : std::max(needed, std::min(2 * needed, largest));
            std::vector<char> larger(size);
            if (unread > 0) std::memcpy(larger.data(), buffer_.data() + begin_, unread);
            buffer_.swap(larger);
        }
        begin_ = 0;
        end_ = unread;
    }
    return {buffer_.data() + end_, buffer_.size() - end_};
}

void frame_reader::use(std::vector<char> buffer) {
    auto const unread = end_ - begin_;
    assert(buffer.size() >= unread);
    if (unread > 0) std::memcpy(buffer.data(), buffer_.data() + begin_, unread);
    buffer_ = std::move(buffer);
    begin_ = 0;
    end_ = unread;
}

std::vector<char> frame_reader::give_back() {
    auto const unread = end_ - begin_;
    if (unread > worth_a_copy) return {};
    std::vector<char> rest(buffer_.data() + begin_, buffer_.data() + end_);
    buffer_.swap(rest);
    begin_ = 0;
    end_ = unread;
    return rest;
}

void frame_reader::filled(std::size_t n) {
    assert(n <= buffer_.size() - end_);
    end_ += n;
}

tl::expected<std::optional<frame>, error> frame_reader::next() {
    auto const unread = end_ - begin_;
    if (unread < length_bytes) return std::nullopt;
    char const* const start = buffer_.data() + begin_;
    std::size_t const length = read_u32(start);
    // Such a length is never taken off the buffer: the error stays.
    if (length == 0) return tl::unexpected(error::frame_empty);
    if (length - 1 > max_payload_) return tl::unexpected(error::frame_too_long);
    if (unread - length_bytes < length) return std::nullopt;
    begin_ += length_bytes + length;
    return frame{start[length_bytes], std::string_view(start + header_bytes, length - 1)};
}

bool frame_reader::in_frame() const {
    return begin_ != end_;
}

std::size_t frame_reader::capacity() const {
    return buffer_.capacity();
}

std::optional<frame> take_frame(std::string_view& bytes) {
    if (bytes.size() < header_bytes) return {};
    std::size_t const length = read_u32(bytes.data());
    if (length == 0 || bytes.size() - length_bytes < length) return {};
    frame const one{bytes[length_bytes], bytes.substr(header_bytes, length - 1)};
    bytes.remove_prefix(length_bytes + length);
    return one;
}

void append_frame(std::string& out, char code, std::string_view payload) {
    frame_writer(out, code).raw(payload);
}

void append_frame(std::string& out, char code, std::string_view first, std::string_view second) {
    frame_writer(out, code).raw(first).raw(second);
}

void append_frame_head(std::string& out, char code, std::size_t payload_size) {
    append_u32(out, static_cast<std::uint32_t>(payload_size + 1));
    out += code;
}

} // namespace milter::wire
