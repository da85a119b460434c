#include "proxy/client_check.hpp"

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

core::client at(std::string const& address) {
    auto const ip = core::parse_address(address);
    return {"", ip->v6 ? '6' : '4', address, 25, ip};
}

TEST(an_mta, is_on_this_host_where_its_clients_can_be_seen) { // configuration 9
    core::client unix_end;
    unix_end.family = 'L';
    EXPECT_TRUE((mta_ends{unix_end, unix_end}.on_this_host()));
    EXPECT_TRUE((mta_ends{at("127.0.0.1"), at("127.0.0.1")}.on_this_host()));
    EXPECT_TRUE((mta_ends{at("::1"), at("::1")}.on_this_host()));
    EXPECT_TRUE((mta_ends{at("192.0.2.1"), at("192.0.2.1")}.on_this_host()));
    // Local as Ruby's objects have it, but with connections that this host has not.
    EXPECT_FALSE((mta_ends{at("10.0.0.2"), at("10.0.0.1")}.on_this_host()));
    EXPECT_FALSE((mta_ends{at("fe80::2"), at("fe80::1")}.on_this_host()));
    EXPECT_FALSE(mta_ends{}.on_this_host());
}

} // namespace
} // namespace milter::proxy::test
