// The kernel's table of TCP connections, by netlink's sock_diag: what to ask, what it answers, and the
// asking. Reading is pure and trusts no length. Knows this network namespace only; says nothing of who is
// meant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tl/expected.hpp>

namespace milter::io {

struct far_end {
    std::array<std::uint8_t, 16> address{}; // IPv4 as ::ffff:a.b.c.d
    std::uint16_t port = 0;

    friend auto operator<=>(far_end const&, far_end const&) = default;
};

struct tcp_connection {
    far_end peer;
    bool left = false; // the peer has closed its side (CLOSE_WAIT)

    friend bool operator==(tcp_connection const&, tcp_connection const&) = default;
};

// The request for the connections of a family (AF_INET, AF_INET6; sockets for both are in the latter), or
// for those to one far end. Listening sockets and those that only wait for their end (TIME_WAIT) are left
// out.
std::string inet_diag_request(int family, std::uint32_t sequence, far_end const* only = nullptr);

// Appends what one datagram says; whether it was the last one of that answer. The error: what the kernel
// says, or bad_message.
tl::expected<bool, std::error_code> read_inet_diag(std::string_view datagram, std::uint32_t sequence,
                                                   std::vector<tcp_connection>& found);

// Asks the kernel, and blocks for the milliseconds that it takes. The error value_too_large: there are more
// than `most`.
tl::expected<std::vector<tcp_connection>, std::error_code> tcp_connections(far_end const* only,
                                                                           std::size_t most = 1'000'000);

} // namespace milter::io
