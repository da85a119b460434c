// Where a milter socket is: unix:PATH, local:PATH, inet:PORT@HOST, inet6:PORT@[ADDR], inet6:PORT@[ADDR%ZONE].
// Parsed once, printed the same; never resolves a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::wire {

struct endpoint {
    enum class kind { unix_socket, inet, inet6 };

    kind family = kind::inet;
    std::string path;       // unix_socket: 1 to 107 bytes
    std::uint16_t port = 0; // inet, inet6; 0 = any
    std::string host;       // a name, or an address (with its %zone) without brackets; "" = all

    // The error is a text for the operator that quotes the input.
    static tl::expected<endpoint, std::string> parse(std::string_view text);
    // "unix:PATH", "inet:PORT@HOST", "inet:PORT@[A.B.C.D]", "inet6:PORT@[ADDR]", "inet:PORT".
    std::string text() const;
    // What to tell the operator when `host` cannot be resolved; reason: gai_strerror's text.
    std::string unresolved(std::string_view reason) const;
    friend bool operator==(endpoint const&, endpoint const&) = default;
};

} // namespace milter::wire
