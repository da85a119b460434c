// Bytes as the protocol's examples write them, and what an encoder made of a message. Only for tests: throws
// at a notation that it does not understand.
#pragma once

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace milter::wire::test {

// `00 0D 4F | "text" 00`: pairs of hexadecimal digits, quoted text, blanks and bars between them.
inline std::string bytes(std::string_view notation) {
    std::string result;
    auto digit = [](char c) {
        auto const at = std::string_view("0123456789ABCDEF").find(c);
        if (at == std::string_view::npos) throw std::invalid_argument("not a hexadecimal digit");
        return static_cast<unsigned>(at);
    };
    for (std::size_t i = 0; i < notation.size(); ++i) {
        if (notation[i] == ' ' || notation[i] == '|') continue;
        if (notation[i] == '"') {
            auto const end = notation.find('"', i + 1);
            if (end == std::string_view::npos) throw std::invalid_argument("a quote is missing");
            result += notation.substr(i + 1, end - i - 1);
            i = end;
        } else {
            result += static_cast<char>(digit(notation.at(i)) << 4 | digit(notation.at(i + 1)));
            ++i;
        }
    }
    return result;
}

// The one frame that `packet` is; throws when its length is wrong.
inline frame frame_of(std::string_view packet) {
    if (packet.size() < 5) throw std::invalid_argument("shorter than a frame");
    std::size_t length = 0;
    for (char c : packet.substr(0, 4))
        length = length << 8 | static_cast<unsigned char>(c);
    if (length != packet.size() - 4) throw std::invalid_argument("the length of the frame is wrong");
    return {packet[4], packet.substr(5)};
}

template <class Message>
std::string encoded(Message const& what) {
    std::string result;
    encode(result, what);
    return result;
}

} // namespace milter::wire::test
