// Addresses of servers as settings write them.
#include "core/network.hpp"

#include <gtest/gtest.h>

namespace milter::core {
namespace {

TEST(a_server_address, is_an_address_with_or_without_a_port) {
    for (auto const& [text, described] :
         {std::pair("192.0.2.53", "192.0.2.53:53"), std::pair("192.0.2.53:5353", "192.0.2.53:5353"),
          std::pair("2001:db8::53", "[2001:db8::53]:53"), std::pair("[2001:db8::53]", "[2001:db8::53]:53"),
          std::pair("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
          std::pair("192.0.2.53:65535", "192.0.2.53:65535")}) {
        auto const read = parse_server(text, 53);
        ASSERT_TRUE(read) << text << ": " << read.error();
        EXPECT_EQ(describe(*read), described);
        EXPECT_EQ(parse_server(described, 0), read);
    }
}

TEST(a_server_address, is_nothing_else) {
    for (auto const* text : {"", ":", ":53", "dns.example", "192.0.2", "192.0.2.53:", "192.0.2.53:0",
                             "192.0.2.53:65536", "192.0.2.53:dns", "192.0.2.53:53x", "[2001:db8::53", "[]:53",
                             "[2001:db8::53]53", "[2001:db8::53]:", "2001:db8::53::1", "192.0.2.53:-1"})
        EXPECT_FALSE(parse_server(text, 53)) << text;
}

} // namespace
} // namespace milter::core
