#include "core/network.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace milter::core {

namespace {

constexpr std::string_view ipv6_prefix = "IPv6:";
constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned mapped_bits = mapped.size() * 8;

bool is_mapped(ip_address const& address) {
    return address.v6 && std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
}

ip_address unmapped(ip_address const& address) {
    ip_address v4;
    std::copy_n(address.bytes.begin() + mapped.size(), 4, v4.bytes.begin());
    return v4;
}

std::optional<ip_address> parse_as_written(std::string_view text) {
    std::string const whole(text); // inet_pton wants a terminated text
    ip_address v4;
    if (inet_pton(AF_INET, whole.c_str(), v4.bytes.data()) == 1) return v4;
    ip_address v6;
    v6.v6 = true;
    if (inet_pton(AF_INET6, whole.c_str(), v6.bytes.data()) == 1) return v6;
    return std::nullopt;
}

} // namespace

std::optional<ip_address> parse_address(std::string_view text) {
    if (text.starts_with(ipv6_prefix)) text.remove_prefix(ipv6_prefix.size());
    auto const address = parse_as_written(text);
    if (address && is_mapped(*address)) return unmapped(*address);
    return address;
}

bool is_local(ip_address const& address) {
    auto const& b = address.bytes;
    if (!address.v6)
        return b[0] == 127 || b[0] == 10 || (b[0] == 172 && (b[1] & 0xF0) == 16) ||
               (b[0] == 192 && b[1] == 168);
    ip_address loopback;
    loopback.v6 = true;
    loopback.bytes.back() = 1;
    return address == loopback || (b[0] == 0xFE && (b[1] & 0xC0) == 0x80);
}

tl::expected<server_address, std::string> parse_server(std::string_view text, std::uint16_t default_port) {
    auto const wrong = [&](std::string const& what) {
        return tl::unexpected(what + ": " + std::string(text) +
                              "; ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT is allowed");
    };
    auto host = text;
    std::optional<std::string_view> digits;
    if (text.starts_with('[')) {
        auto const end = text.find(']');
        if (end == std::string_view::npos) return wrong("no IP address");
        host = text.substr(1, end - 1);
        if (end + 1 < text.size()) digits = text.substr(end + 1);
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        host = text.substr(0, text.find(':'));
        digits = text.substr(text.find(':'));
    }
    auto const address = parse_as_written(host);
    if (!address) return wrong("no IP address");
    server_address made{*address, default_port};
    if (!digits) return made;
    auto const* const last = digits->data() + digits->size();
    auto const [end, failed] = std::from_chars(digits->data() + 1, last, made.port);
    if (digits->front() != ':' || failed != std::errc() || end != last || made.port == 0)
        return wrong("no port");
    return made;
}

std::string describe(server_address const& server) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(server.address.v6 ? AF_INET6 : AF_INET, server.address.bytes.data(), text.data(), text.size());
    std::string const host = text.data();
    return (server.address.v6 ? "[" + host + "]" : host) + ":" + std::to_string(server.port);
}

tl::expected<network, std::string> network::parse(std::string_view text) {
    auto const slash = text.find('/');
    auto const address = parse_as_written(text.substr(0, slash));
    if (!address)
        return tl::unexpected("no IP address: " + std::string(text) + "; ADDRESS or ADDRESS/BITS is allowed");
    network made;
    made.first_ = *address;
    unsigned const most = address->v6 ? 128 : 32;
    made.bits_ = most;
    if (slash != std::string_view::npos) {
        auto const digits = text.substr(slash + 1);
        auto const [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), made.bits_);
        if (failed != std::errc() || end != digits.data() + digits.size() || made.bits_ > most)
            return tl::unexpected("not a number of bits: " + std::string(text) + "; 0 to " +
                                  std::to_string(most) + " is allowed");
    }
    if (is_mapped(made.first_) && made.bits_ >= mapped_bits) {
        made.first_ = unmapped(made.first_);
        made.bits_ -= mapped_bits;
    }
    return made;
}

bool network::contains(ip_address const& address) const {
    if (address.v6 != first_.v6) return false;
    std::size_t const whole = bits_ / 8;
    if (std::memcmp(address.bytes.data(), first_.bytes.data(), whole) != 0) return false;
    unsigned const rest = bits_ % 8;
    if (rest == 0) return true;
    auto const mask = static_cast<std::uint8_t>(0xFFu << (8 - rest));
    return ((address.bytes[whole] ^ first_.bytes[whole]) & mask) == 0;
}

} // namespace milter::core
