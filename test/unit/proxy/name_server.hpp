// A name server of the test on a loopback port: keeps each question until the test has it answered. UDP only,
// one question a packet; what the daemon must stand from a real one is tested with a real one.
#pragma once

#include "core/network.hpp"

#include "unit/io/peer.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace milter::proxy::test {

class name_server {
public:
    struct question {
        std::string name; // with points
        std::string packet;
        sockaddr_in from{};
    };
    enum rcode : std::uint8_t { no_error = 0, server_failure = 2, no_such_name = 3, refused = 5 };

    name_server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        where_.sin_family = AF_INET;
        where_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where_;
        EXPECT_EQ(::bind(socket_.get(), as_address(where_), size), 0);
        EXPECT_EQ(::getsockname(socket_.get(), as_address(where_), &size), 0);
    }
    core::server_address where() const {
        return core::parse_server("127.0.0.1:" + std::to_string(ntohs(where_.sin_port)), 0).value();
    }
    // All that were asked so far.
    std::vector<question> const& asked() {
        std::array<char, 1024> bytes{};
        for (;;) {
            question one;
            socklen_t size = sizeof one.from;
            auto const n =
                ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, as_address(one.from), &size);
            if (n < 0) return asked_;
            one.packet.assign(bytes.data(), static_cast<std::size_t>(n));
            for (std::size_t at = head_size; bytes.at(at) != 0;) {
                auto const length = static_cast<std::size_t>(bytes.at(at));
                one.name += (one.name.empty() ? "" : ".") + one.packet.substr(at + 1, length);
                at += 1 + length;
            }
            asked_.push_back(std::move(one));
        }
    }
    std::vector<std::string> names() {
        std::vector<std::string> all;
        for (auto const& one : asked())
            all.push_back(one.name);
        return all;
    }
    void says(question const& to, std::vector<std::string> const& addresses, std::uint32_t ttl) {
        auto packet = head(to, no_error, addresses.size(), 0);
        for (auto const& one : addresses) {
            packet += record(1, ttl, 4);
            std::uint32_t bytes = 0;
            EXPECT_EQ(inet_pton(AF_INET, one.c_str(), &bytes), 1);
            packet.append(reinterpret_cast<char const*>(&bytes), sizeof bytes);
        }
        send(to, packet);
    }
    void fails(question const& to, rcode how) { send(to, head(to, how, 0, 0)); }
    // With a SOA of this time and this minimum.
    void denies(question const& to, rcode how, std::uint32_t ttl, std::uint32_t minimum) {
        std::string data(2, '\0'); // two names, the root
        for (std::uint32_t const number : {1U, 3600U, 600U, 86400U, minimum})
            append(data, number);
        send(to, head(to, how, 0, 1) + record(6, ttl, data.size()) + data);
    }

private:
    static constexpr std::size_t head_size = 12;

    static sockaddr* as_address(sockaddr_in& of) { return reinterpret_cast<sockaddr*>(&of); }
    static void append(std::string& to, std::uint32_t number) {
        for (int shift = 24; shift >= 0; shift -= 8)
            to += static_cast<char>(number >> shift & 0xFFU);
    }
    static std::string head(question const& to, rcode how, std::size_t answers, std::size_t authorities) {
        auto packet = to.packet;
        packet[2] = '\x81'; // an answer, recursion desired
        packet[3] = static_cast<char>(0x80U | how);
        packet[7] = static_cast<char>(answers);
        packet[9] = static_cast<char>(authorities);
        return packet;
    }
    // Of the name that was asked.
    static std::string record(std::uint8_t type, std::uint32_t ttl, std::size_t size) {
        std::string made("\xC0\x0C\0", 3);
        made += static_cast<char>(type);
        made += std::string("\0\1", 2);
        append(made, ttl);
        made += '\0';
        made += static_cast<char>(size);
        return made;
    }
    void send(question const& to, std::string const& packet) {
        auto from = to.from;
        ASSERT_EQ(::sendto(socket_.get(), packet.data(), packet.size(), 0, as_address(from), sizeof from),
                  static_cast<ssize_t>(packet.size()));
    }

    io::test::descriptor socket_;
    sockaddr_in where_{};
    std::vector<question> asked_;
};

} // namespace milter::proxy::test
