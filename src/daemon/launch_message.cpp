#include "daemon/launch_message.hpp"

namespace milter::daemon {

namespace {

// Big-endian, as everywhere here.
void put(std::string& to, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8)
        to += static_cast<char>(number >> shift & 0xFF);
}

std::uint32_t number_at(std::string_view packet, std::size_t at) {
    std::uint32_t number = 0;
    for (auto const c : packet.substr(at, 4))
        number = number << 8 | static_cast<unsigned char>(c);
    return number;
}

bool is_one_of(char c, std::string_view letters) {
    return c != '\0' && letters.find(c) != std::string_view::npos;
}

constexpr std::size_t start_size = 5;

} // namespace

std::string encode(launch_request const& request) {
    std::string packet(1, static_cast<char>(request.what));
    if (request.what == launch_ask::start) put(packet, request.index);
    return packet;
}

std::string encode(launch_reply const& reply) {
    std::string packet{static_cast<char>(reply.what), static_cast<char>(reply.step)};
    put(packet, reply.index);
    put(packet, static_cast<std::uint32_t>(reply.value));
    put(packet, reply.rest_ms);
    return packet;
}

std::optional<launch_request> decode_launch_request(std::string_view packet) {
    if (packet.empty() || !is_one_of(packet.front(), "LSP")) return {};
    launch_request const request{static_cast<launch_ask>(packet.front()), 0};
    bool const starts = request.what == launch_ask::start;
    if (packet.size() != (starts ? start_size : 1)) return {};
    return launch_request{request.what, starts ? number_at(packet, 1) : 0};
}

std::optional<launch_reply> decode_launch_reply(std::string_view packet) {
    if (packet.size() != longest_launch_packet || !is_one_of(packet[0], "rfend") ||
        !is_one_of(packet[1], "-fux"))
        return {};
    return launch_reply{static_cast<launch_news>(packet[0]), static_cast<launch_step>(packet[1]),
                        number_at(packet, 2), static_cast<std::int32_t>(number_at(packet, 6)),
                        number_at(packet, 10)};
}

} // namespace milter::daemon
