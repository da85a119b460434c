// IP addresses and networks as conditions need them (configuration 7.1, 7.2). Text in, yes or no out; never
// asks a resolver.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::core {

struct ip_address {
    bool v6 = false;
    std::array<std::uint8_t, 16> bytes{}; // of v4 the first four

    friend bool operator==(ip_address const&, ip_address const&) = default;
};

// As it stands in a connect packet: a prefix "IPv6:" is fine, and an IPv4 address in an IPv6 one is IPv4.
std::optional<ip_address> parse_address(std::string_view text);
// 127/8, 10/8, 172.16/12, 192.168/16, ::1, fe80::/10 (configuration 7.1).
bool is_local(ip_address const& address);

struct server_address {
    ip_address address;
    std::uint16_t port = 0;

    friend bool operator==(server_address const&, server_address const&) = default;
};
// ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; the error says what is wrong with the text.
tl::expected<server_address, std::string> parse_server(std::string_view text, std::uint16_t default_port);
// As parse_server reads it, always with the port.
std::string describe(server_address const& server);

// ADDRESS or ADDRESS/BITS.
class network {
public:
    // The error says what is wrong with the text.
    static tl::expected<network, std::string> parse(std::string_view text);

    bool contains(ip_address const& address) const;

private:
    ip_address first_;
    unsigned bits_ = 0; // that count
};

} // namespace milter::core
