#include "io/inet_diag.hpp"

#include "unit/io/peer.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/netlink.h>
#include <netinet/in.h>

namespace milter::io::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::string bytes(std::string_view hex) {
    std::string made;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        made += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return made;
}

// What Linux has sent: connections from 127.0.0.1:45002, whose client has closed its side, and :45001.
std::string const of_v4 = bytes( // sequence 7
    "7c0000001400020007000000072b0000020800009b2dafca7f0000010000000000000000000000007f0000010000000000000000"
    "0000000000000000040000000000000000000000010000000000000000000000ab055301050008000100000008000f0000000000"
    "0c00150001000000000000000600160052000000"
    "7c0000001400020007000000072b0000020100009b2dafc97f0000010000000000000000000000007f0000010000000000000000"
    "0000000000000000050000000000000000000000000000000000000000000000a9055301050008000000000008000f0000000000"
    "0c00150001000000000000000600160052000000");
// From ::ffff:127.0.0.1, port 45004, and from ::1, port 45003.
std::string const of_v6 = bytes( // sequence 8
    "7c0000001400020008000000072b00000a0100009b2eafcc00000000000000000000ffff7f00000100000000000000000000ffff"
    "7f00000100000000060000000000000000000000000000000000000000000000b0055301050008000000000008000f0000000000"
    "0c00150001000000000000000600160012000000"
    "7c0000001400020008000000072b00000a0100009b2eafcb00000000000000000000000000000001000000000000000000000000"
    "0000000100000000070000000000000000000000000000000000000000000000ae055301050008000000000008000f0000000000"
    "0c00150001000000000000000600160012000000");
std::string const done = bytes("140000000300020007000000072b000000000000");

far_end at(std::string const& address, std::uint16_t port) {
    far_end made;
    made.port = port;
    bool const v6 = address.find(':') != std::string::npos;
    std::string const text = v6 ? address : "::ffff:" + address;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), made.address.data()), 1);
    return made;
}

std::vector<tcp_connection> read(std::string const& datagram, std::uint32_t sequence, bool last) {
    std::vector<tcp_connection> found;
    auto const read = read_inet_diag(datagram, sequence, found);
    EXPECT_TRUE(read && *read == last) << (read ? "" : read.error().message());
    return found;
}

TEST(the_kernels_answer, has_the_far_ends_and_which_of_them_have_left) { // configuration 9
    auto const expected = ElementsAre(tcp_connection{at("127.0.0.1", 45002), true},
                                      tcp_connection{at("127.0.0.1", 45001), false});
    EXPECT_THAT(read(of_v4, 7, false), expected);
    EXPECT_THAT(read(of_v4 + done, 7, true), expected);
    EXPECT_THAT(read(done, 7, true), IsEmpty());
}

TEST(the_kernels_answer, has_ipv4_in_ipv6_as_ipv4) {
    EXPECT_THAT(read(of_v6, 8, false), ElementsAre(tcp_connection{at("127.0.0.1", 45004), false},
                                                   tcp_connection{at("::1", 45003), false}));
}

TEST(the_kernels_answer, that_is_cut_anywhere_is_none) {
    auto const whole = of_v4 + done;
    for (std::size_t size = 1; size < whole.size(); ++size) {
        std::vector<tcp_connection> found;
        auto const said = read_inet_diag(std::string_view(whole).substr(0, size), 7, found);
        bool const between = size == of_v4.size() / 2 || size == of_v4.size();
        EXPECT_EQ(said.has_value(), between) << size;
        EXPECT_FALSE(said.value_or(false));
    }
}

// No answer may make it read elsewhere, or go on for ever (the sanitizers watch).
TEST(the_kernels_answer, may_have_any_byte_changed) {
    auto const whole = of_v4 + done;
    int refused = 0;
    for (std::size_t i = 0; i < whole.size(); ++i)
        for (int value = 0; value < 256; value += 5) {
            auto changed = whole;
            changed[i] = static_cast<char>(value);
            std::vector<tcp_connection> found;
            if (!read_inet_diag(changed, 7, found)) ++refused;
            EXPECT_LE(found.size(), 2U);
        }
    EXPECT_GT(refused, 1000);
}

TEST(the_kernels_answer, to_another_question_is_none) {
    std::vector<tcp_connection> found;
    EXPECT_EQ(read_inet_diag(of_v4, 6, found).error(), std::errc::bad_message);
    EXPECT_THAT(found, IsEmpty());
}

std::string message(std::uint16_t type, std::uint16_t flags, std::string const& payload) {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + payload.size());
    head.nlmsg_type = type;
    head.nlmsg_flags = flags;
    head.nlmsg_seq = 7;
    return std::string(reinterpret_cast<char const*>(&head), sizeof head) + payload;
}

std::string number(std::int32_t of) {
    return {reinterpret_cast<char const*>(&of), sizeof of};
}

TEST(the_kernels_answer, can_be_an_error) {
    std::vector<tcp_connection> found;
    auto const error = [&](std::string const& datagram) {
        auto const said = read_inet_diag(datagram, 7, found);
        return said ? std::error_code() : said.error();
    };
    EXPECT_EQ(error(message(NLMSG_ERROR, 0, number(-EPERM) + std::string(16, '\0'))),
              std::errc::operation_not_permitted);
    EXPECT_EQ(error(message(NLMSG_DONE, 0, number(-ENOENT))), std::errc::no_such_file_or_directory);
    EXPECT_EQ(error(message(NLMSG_ERROR, 0, number(0))), std::errc::bad_message); // nobody wanted an ack
    EXPECT_EQ(error(message(NLMSG_ERROR, 0, "")), std::errc::bad_message);
    // The table has changed meanwhile.
    EXPECT_EQ(error(message(NLMSG_DONE + 17, NLM_F_DUMP_INTR, "")), std::errc::interrupted);
    EXPECT_EQ(error(message(NLMSG_DONE, 0, "")), std::error_code());
    EXPECT_EQ(error(message(NLMSG_NOOP, 0, "") + done), std::error_code());
}

class connections_of_this_host : public testing::TestWithParam<std::string> {
protected:
    struct pair {
        descriptor listener, client, server;
        far_end from;
    };
    static pair connect(std::string const& address) {
        bool const v6 = address.find(':') != std::string::npos;
        int const family = v6 ? AF_INET6 : AF_INET;
        pair made;
        sockaddr_storage where{};
        socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        where.ss_family = static_cast<sa_family_t>(family);
        auto* const raw = reinterpret_cast<sockaddr*>(&where);
        auto* const port = reinterpret_cast<sockaddr_in*>(&where); // at the same place in both
        if (v6)
            ::inet_pton(AF_INET6, address.c_str(), &reinterpret_cast<sockaddr_in6*>(&where)->sin6_addr);
        else
            ::inet_pton(AF_INET, address.c_str(), &port->sin_addr);
        made.listener = descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        made.client = descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(made.listener.get(), raw, size), 0);
        EXPECT_EQ(::listen(made.listener.get(), 1), 0);
        EXPECT_EQ(::getsockname(made.listener.get(), raw, &size), 0);
        EXPECT_EQ(::connect(made.client.get(), raw, size), 0);
        made.server = descriptor(::accept(made.listener.get(), nullptr, nullptr));
        EXPECT_EQ(::getsockname(made.client.get(), raw, &size), 0);
        made.from = at(address, ntohs(port->sin_port));
        return made;
    }
    static std::vector<tcp_connection> look(far_end const* only) {
        auto const found = tcp_connections(only);
        EXPECT_TRUE(found) << found.error().message();
        return found.value_or(std::vector<tcp_connection>());
    }
};

TEST_P(connections_of_this_host, are_found_among_all_and_alone) {
    auto one = connect(GetParam());
    EXPECT_THAT(look(nullptr), Contains(tcp_connection{one.from, false}));
    EXPECT_THAT(look(&one.from), ElementsAre(tcp_connection{one.from, false}));
    one.client = descriptor();
    EXPECT_THAT(look(&one.from), ElementsAre(tcp_connection{one.from, true}));
    one.server = descriptor();
    EXPECT_THAT(look(&one.from), IsEmpty());
}

TEST_P(connections_of_this_host, of_a_table_that_is_too_large_are_not_told) {
    auto const one = connect(GetParam());
    auto const found = tcp_connections(nullptr, 1); // both ends of it are there
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error(), std::errc::value_too_large);
}

INSTANTIATE_TEST_SUITE_P(families, connections_of_this_host, testing::Values("127.0.0.1", "::1"));

} // namespace
} // namespace milter::io::test
