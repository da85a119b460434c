#include "wire/endpoint.hpp"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace milter::wire {

namespace {

using parsed = tl::expected<endpoint, std::string>;
using kind = endpoint::kind;

constexpr std::size_t max_path = 107; // sun_path less its NUL

// "what: <first>: <second>", the shape of all complaints (configuration 4).
template <class... Quoted>
tl::unexpected<std::string> complain(std::string_view what, Quoted... quoted) {
    std::string text(what);
    ((text.append(": <").append(quoted).append(">")), ...);
    return tl::unexpected(std::move(text));
}

// No resolver knows a name with such bytes, and no log should show them.
bool is_odd(char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7F';
}

// The name or number of an interface.
bool is_zone(std::string_view text) {
    return !text.empty() && text.find_first_of("%/[]") == std::string_view::npos &&
           std::none_of(text.begin(), text.end(), is_odd);
}

// A.B.C.D, or an address of IPv6, which may have a %zone.
bool is_address(kind family, std::string_view host) {
    if (host.find('\0') != std::string_view::npos) return false;
    auto const percent = family == kind::inet6 ? host.find('%') : std::string_view::npos;
    if (percent != std::string_view::npos && !is_zone(host.substr(percent + 1))) return false;
    std::string const address(host.substr(0, percent));
    in6_addr room{};
    return inet_pton(family == kind::inet ? AF_INET : AF_INET6, address.c_str(), &room) == 1;
}

parsed parse_path(std::string_view spec, std::string_view path) {
    if (path.find('\0') != std::string_view::npos) return complain("path should not have a NUL", spec);
    if (path.size() > max_path)
        return complain("path should be shorter than 108 bytes", spec, std::to_string(path.size()));
    endpoint result;
    result.family = kind::unix_socket;
    result.path = path;
    return result;
}

tl::expected<std::uint16_t, std::string> parse_port(std::string_view spec, std::string_view digits) {
    std::uint32_t port = 0;
    for (char const& c : digits)
        if (c < '0' || c > '9')
            return complain("port number has invalid character", spec, std::string_view(&c, 1));
    for (char c : digits) {
        port = port * 10 + static_cast<std::uint32_t>(c - '0');
        if (port > 65535) return complain("port number should be less than 65536", spec, digits);
    }
    return static_cast<std::uint16_t>(port);
}

tl::expected<std::string, std::string> parse_host(std::string_view spec, kind family, std::string_view host) {
    if (host.starts_with('[')) {
        auto const close = host.find(']');
        if (close == std::string_view::npos) return complain("']' is missing", spec, host);
        if (close + 1 != host.size()) return complain("invalid host address", spec, host);
        std::string address(host.substr(1, close - 1));
        if (!is_address(family, address)) return complain("invalid host address", spec, address);
        return address;
    }
    if (host.empty() || std::any_of(host.begin(), host.end(), is_odd))
        return complain("invalid host address", spec, host);
    return std::string(host);
}

parsed parse_inet(std::string_view spec, kind family, std::string_view content) {
    endpoint result;
    result.family = family;
    auto const at = content.find('@');
    auto const port = parse_port(spec, content.substr(0, at));
    if (!port) return tl::unexpected(port.error());
    result.port = *port;
    if (at == std::string_view::npos) return result;
    auto host = parse_host(spec, family, content.substr(at + 1));
    if (!host) return tl::unexpected(std::move(host.error()));
    result.host = std::move(*host);
    return result;
}

} // namespace

tl::expected<endpoint, std::string> endpoint::parse(std::string_view text) {
    if (text.data() == nullptr) return tl::unexpected(std::string("spec should not be NULL"));
    auto const colon = text.find(':');
    if (colon == std::string_view::npos) return complain("spec doesn't have colon", text);
    auto const protocol = text.substr(0, colon);
    auto const content = text.substr(colon + 1);
    if (content.empty()) return complain("spec doesn't have content", text);
    if (protocol == "unix" || protocol == "local") return parse_path(text, content);
    if (protocol == "inet") return parse_inet(text, kind::inet, content);
    if (protocol == "inet6") return parse_inet(text, kind::inet6, content);
    return complain("protocol must be 'unix', 'inet' or 'inet6'", text, protocol);
}

std::string endpoint::text() const {
    if (family == kind::unix_socket) return "unix:" + path;
    std::string result = family == kind::inet ? "inet:" : "inet6:";
    result += std::to_string(port);
    if (host.empty()) return result;
    if (is_address(family, host)) return result + "@[" + host + "]";
    return result + "@" + host;
}

std::string endpoint::unresolved(std::string_view reason) const {
    return complain("invalid host address", text(), host, reason).value();
}

} // namespace milter::wire
