#include "io/inet_diag.hpp"

#include "io/descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace milter::io {

namespace {

constexpr std::uint32_t states = 1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |
                                 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING;
constexpr std::size_t largest_datagram = 64 * 1024; // the kernel sends at most 32 KiB
constexpr timeval patience{2, 0};

std::error_code error_of(int number) {
    return {number, std::generic_category()};
}
std::error_code error_of(std::errc what) {
    return std::make_error_code(what);
}

template <class Part>
void append(std::string& to, Part const& part) {
    to.append(reinterpret_cast<char const*>(&part), sizeof part);
}
// Of the whole buffer, for what has its length in front.
template <class Part>
void put(std::string& into, std::size_t at, Part const& part) {
    std::memcpy(into.data() + at, &part, sizeof part);
}
template <class Part>
bool take(std::string_view from, Part& part) {
    if (from.size() < sizeof part) return false;
    std::memcpy(&part, from.data(), sizeof part);
    return true;
}

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
bool is_v4(far_end const& one) {
    return std::equal(mapped.begin(), mapped.end(), one.address.begin());
}

// "The far end is this one" as the kernel's little program: the operation, its condition, an address. It
// jumps over the end when that is not so.
std::string program_for(far_end const& only) {
    bool const v4 = is_v4(only);
    std::size_t const skipped = v4 ? mapped.size() : 0;
    std::size_t const address_size = only.address.size() - skipped;
    inet_diag_hostcond condition{};
    condition.family = v4 ? AF_INET : AF_INET6;
    condition.prefix_len = static_cast<std::uint8_t>(address_size * 8);
    condition.port = only.port;
    std::size_t const size = sizeof(inet_diag_bc_op) + sizeof condition + address_size;
    inet_diag_bc_op const operation{INET_DIAG_BC_D_COND, static_cast<unsigned char>(size),
                                    static_cast<unsigned short>(size + 4)};
    std::string made;
    append(made, operation);
    append(made, condition);
    made.append(reinterpret_cast<char const*>(only.address.data()) + skipped, address_size);
    return made;
}

tcp_connection connection_of(inet_diag_msg const& from) {
    tcp_connection one;
    one.peer.port = ntohs(from.id.idiag_dport);
    one.left = from.idiag_state == TCP_CLOSE_WAIT;
    if (from.idiag_family == AF_INET) {
        std::copy(mapped.begin(), mapped.end(), one.peer.address.begin());
        std::memcpy(one.peer.address.data() + mapped.size(), from.id.idiag_dst, 4);
    } else {
        std::memcpy(one.peer.address.data(), from.id.idiag_dst, one.peer.address.size());
    }
    return one;
}

// A kernel without IPv6 has none of its connections.
bool is_missing_family(std::error_code why) {
    return why == error_of(ENOENT) || why == std::errc::address_family_not_supported;
}

// Each family's answer is read to its end before the next one is asked.
std::error_code ask(int socket, int family, std::uint32_t sequence, far_end const* only, std::size_t most,
                    std::vector<tcp_connection>& found) {
    auto const request = inet_diag_request(family, sequence, only);
    if (::send(socket, request.data(), request.size(), 0) < 0) return error_of(errno);
    std::string datagram(largest_datagram, '\0');
    for (;;) {
        auto const got = ::recv(socket, datagram.data(), datagram.size(), MSG_TRUNC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_of(errno);
        auto const size = static_cast<std::size_t>(got);
        if (size == 0 || size > datagram.size()) return error_of(std::errc::bad_message);
        auto const last = read_inet_diag(std::string_view(datagram).substr(0, size), sequence, found);
        if (!last) return last.error();
        if (found.size() > most) return error_of(std::errc::value_too_large);
        if (*last) return {};
    }
}

} // namespace

std::string inet_diag_request(int family, std::uint32_t sequence, far_end const* only) {
    nlmsghdr head{};
    head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    head.nlmsg_seq = sequence;
    inet_diag_req_v2 what{};
    what.sdiag_family = static_cast<std::uint8_t>(family);
    what.sdiag_protocol = IPPROTO_TCP;
    what.idiag_states = states;
    std::string made;
    append(made, head);
    append(made, what);
    if (only) {
        auto const program = program_for(*only);
        nlattr part{};
        part.nla_len = static_cast<std::uint16_t>(sizeof part + program.size());
        part.nla_type = INET_DIAG_REQ_BYTECODE;
        append(made, part);
        made += program;
    }
    head.nlmsg_len = static_cast<std::uint32_t>(made.size());
    put(made, 0, head);
    return made;
}

tl::expected<bool, std::error_code> read_inet_diag(std::string_view datagram, std::uint32_t sequence,
                                                   std::vector<tcp_connection>& found) {
    auto const bad = tl::unexpected(error_of(std::errc::bad_message));
    while (!datagram.empty()) {
        nlmsghdr head{};
        if (!take(datagram, head)) return bad;
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) return bad;
        auto const payload = datagram.substr(sizeof head, head.nlmsg_len - sizeof head);
        datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), datagram.size()));
        if (head.nlmsg_seq != sequence) return bad;
        if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
            // Both begin with 0 or a negated error; the second may come without.
            std::int32_t failed = 0;
            bool const said = take(payload, failed);
            if (head.nlmsg_type == NLMSG_ERROR && (!said || failed >= 0)) return bad;
            if (said && failed < 0) return tl::unexpected(error_of(-failed));
            return true;
        }
        if ((head.nlmsg_flags & NLM_F_DUMP_INTR) != 0) return tl::unexpected(error_of(EINTR));
        if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY) continue;
        inet_diag_msg one{};
        if (!take(payload, one)) return bad;
        if (one.idiag_family == AF_INET || one.idiag_family == AF_INET6) found.push_back(connection_of(one));
    }
    return false;
}

tl::expected<std::vector<tcp_connection>, std::error_code> tcp_connections(far_end const* only,
                                                                           std::size_t most) {
    descriptor const socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!socket) return tl::unexpected(error_of(errno));
    if (::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return tl::unexpected(error_of(errno));
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    // So that nobody else is heard.
    if (::connect(socket.number(), reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
        return tl::unexpected(error_of(errno));
    std::vector<tcp_connection> found;
    std::uint32_t sequence = 0;
    for (int const family : {AF_INET, AF_INET6}) {
        if (only && family == AF_INET && !is_v4(*only)) continue;
        auto const failed = ask(socket.number(), family, ++sequence, only, most, found);
        if (failed && !(family == AF_INET6 && is_missing_family(failed))) return tl::unexpected(failed);
    }
    return found;
}

} // namespace milter::io
