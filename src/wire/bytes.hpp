// Reading and writing the pieces of a packet: big-endian integers and NUL-terminated strings (protocol 1).
// For the .cpp files of this folder only; knows no message and never allocates except to grow `out`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace milter::wire {

inline std::uint32_t read_u32(char const* at) {
    auto byte = [at](int i) { return std::uint32_t{static_cast<unsigned char>(at[i])}; };
    return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

inline std::optional<std::uint32_t> take_u32(std::string_view& from) {
    if (from.size() < 4) return std::nullopt;
    auto value = read_u32(from.data());
    from.remove_prefix(4);
    return value;
}

inline std::optional<std::uint16_t> take_u16(std::string_view& from) {
    if (from.size() < 2) return std::nullopt;
    auto high = static_cast<unsigned char>(from[0]);
    auto low = static_cast<unsigned char>(from[1]);
    from.remove_prefix(2);
    return static_cast<std::uint16_t>(high << 8 | low);
}

// Nothing when no NUL is left.
inline std::optional<std::string_view> take_string(std::string_view& from) {
    auto end = from.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    auto one = from.substr(0, end);
    from.remove_prefix(end + 1);
    return one;
}

inline void append_u32(std::string& out, std::uint32_t value) {
    char const bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                          static_cast<char>(value >> 8), static_cast<char>(value)};
    out.append(bytes, sizeof bytes);
}

inline void append_u16(std::string& out, std::uint16_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 0xFF));
}

// A frame in the making at the end of `out`; the destructor fills in its length.
class frame_writer {
public:
    frame_writer(std::string& out, char code) : out_(out), start_(out.size()) {
        out_.append(4, '\0');
        out_.push_back(code);
    }
    ~frame_writer() {
        auto length = static_cast<std::uint32_t>(out_.size() - start_ - 4);
        for (std::size_t i = 0; i < 4; ++i)
            out_[start_ + i] = static_cast<char>(length >> (24 - 8 * i));
    }
    frame_writer(frame_writer const&) = delete;
    frame_writer& operator=(frame_writer const&) = delete;

    frame_writer& u32(std::uint32_t value) { return append_u32(out_, value), *this; }
    frame_writer& u16(std::uint16_t value) { return append_u16(out_, value), *this; }
    frame_writer& byte(char value) { return out_.push_back(value), *this; }
    frame_writer& raw(std::string_view bytes) { return out_.append(bytes), *this; }
    // Cut at a NUL, so that no value can reach into the next field.
    frame_writer& string(std::string_view one) { return raw(one.substr(0, one.find('\0'))).byte('\0'); }

private:
    std::string& out_;
    std::size_t start_;
};

} // namespace milter::wire
