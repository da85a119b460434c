#include "wire/endpoint.hpp"

#include <gtest/gtest.h>

namespace milter::wire::test {
namespace {

using kind = endpoint::kind;

TEST(endpoint, is_parsed_and_printed_back) { // configuration 4
    struct {
        std::string text;
        endpoint parsed;
        std::string printed;
    } const cases[] = {
        {"unix:/run/a.sock", {kind::unix_socket, "/run/a.sock", 0, ""}, "unix:/run/a.sock"},
        {"local:/run/a.sock", {kind::unix_socket, "/run/a.sock", 0, ""}, "unix:/run/a.sock"},
        {"unix://var/x", {kind::unix_socket, "//var/x", 0, ""}, "unix://var/x"},
        {"unix:relative:path@x", {kind::unix_socket, "relative:path@x", 0, ""}, "unix:relative:path@x"},
        {"inet:10025", {kind::inet, "", 10025, ""}, "inet:10025"},
        {"inet6:10025", {kind::inet6, "", 10025, ""}, "inet6:10025"},
        {"inet:0", {kind::inet, "", 0, ""}, "inet:0"},
        {"inet:65535", {kind::inet, "", 65535, ""}, "inet:65535"},
        {"inet:00000000000000000025", {kind::inet, "", 25, ""}, "inet:25"},
        {"inet:@mx.example", {kind::inet, "", 0, "mx.example"}, "inet:0@mx.example"},
        {"inet:10025@localhost", {kind::inet, "", 10025, "localhost"}, "inet:10025@localhost"},
        {"inet6:10025@localhost", {kind::inet6, "", 10025, "localhost"}, "inet6:10025@localhost"},
        {"inet:10025@[127.0.0.1]", {kind::inet, "", 10025, "127.0.0.1"}, "inet:10025@[127.0.0.1]"},
        {"inet:10025@127.0.0.1", {kind::inet, "", 10025, "127.0.0.1"}, "inet:10025@[127.0.0.1]"},
        {"inet6:10025@[::1]", {kind::inet6, "", 10025, "::1"}, "inet6:10025@[::1]"},
        {"inet6:10025@::1", {kind::inet6, "", 10025, "::1"}, "inet6:10025@[::1]"},
        {"inet6:25@[2001:db8::25]", {kind::inet6, "", 25, "2001:db8::25"}, "inet6:25@[2001:db8::25]"},
        {"inet6:25@[fe80::1%lo]", {kind::inet6, "", 25, "fe80::1%lo"}, "inet6:25@[fe80::1%lo]"},
        {"inet6:25@fe80::1%2", {kind::inet6, "", 25, "fe80::1%2"}, "inet6:25@[fe80::1%2]"},
    };
    for (auto const& [text, wanted, printed] : cases) {
        auto const result = endpoint::parse(text);
        ASSERT_TRUE(result) << text << ": " << result.error();
        EXPECT_EQ(*result, wanted) << text;
        EXPECT_EQ(result->text(), printed);
        auto const again = endpoint::parse(result->text());
        ASSERT_TRUE(again) << again.error();
        EXPECT_EQ(*again, *result);
    }
}

TEST(endpoint, is_refused_with_the_text_that_operators_know) { // configuration 4, the table
    std::pair<std::string, std::string> const cases[] = {
        {"", "spec doesn't have colon: <>"},
        {"/run/a.sock", "spec doesn't have colon: </run/a.sock>"},
        {"inet", "spec doesn't have colon: <inet>"},
        {"inet:", "spec doesn't have content: <inet:>"},
        {"unix:", "spec doesn't have content: <unix:>"},
        {"tcp:", "spec doesn't have content: <tcp:>"},
        {"tcp:25", "protocol must be 'unix', 'inet' or 'inet6': <tcp:25>: <tcp>"},
        {":25", "protocol must be 'unix', 'inet' or 'inet6': <:25>: <>"},
        {"INET:25", "protocol must be 'unix', 'inet' or 'inet6': <INET:25>: <INET>"},
        {"inet:a25", "port number has invalid character: <inet:a25>: <a>"},
        {"inet:2x5@host", "port number has invalid character: <inet:2x5@host>: <x>"},
        {"inet:-1", "port number has invalid character: <inet:-1>: <->"},
        {"inet: 25", "port number has invalid character: <inet: 25>: < >"},
        {"inet:99999x", "port number has invalid character: <inet:99999x>: <x>"},
        {"inet:mx.example:25", "port number has invalid character: <inet:mx.example:25>: <m>"},
        {"inet:65536", "port number should be less than 65536: <inet:65536>: <65536>"},
        {"inet6:99999999999999999999@[::1]",
         "port number should be less than 65536: <inet6:99999999999999999999@[::1]>: <99999999999999999999>"},
        {"inet:25@[127.0.0.1", "']' is missing: <inet:25@[127.0.0.1>: <[127.0.0.1>"},
        {"inet6:25@[", "']' is missing: <inet6:25@[>: <[>"},
        {"inet:25@[::1]", "invalid host address: <inet:25@[::1]>: <::1>"},
        {"inet6:25@[127.0.0.1]", "invalid host address: <inet6:25@[127.0.0.1]>: <127.0.0.1>"},
        {"inet6:25@[fe80::1%]", "invalid host address: <inet6:25@[fe80::1%]>: <fe80::1%>"},
        {"inet6:25@[fe80::1%l o]", "invalid host address: <inet6:25@[fe80::1%l o]>: <fe80::1%l o>"},
        {"inet6:25@[fe80::1%a%b]", "invalid host address: <inet6:25@[fe80::1%a%b]>: <fe80::1%a%b>"},
        {"inet6:25@[fe80::1%a/b]", "invalid host address: <inet6:25@[fe80::1%a/b]>: <fe80::1%a/b>"},
        {"inet6:25@[%lo]", "invalid host address: <inet6:25@[%lo]>: <%lo>"},
        {"inet:25@[127.0.0.1%lo]", "invalid host address: <inet:25@[127.0.0.1%lo]>: <127.0.0.1%lo>"},
        {"inet:25@[]", "invalid host address: <inet:25@[]>: <>"},
        {"inet:25@[mx.example]", "invalid host address: <inet:25@[mx.example]>: <mx.example>"},
        {"inet:25@[127.0.0.1]x", "invalid host address: <inet:25@[127.0.0.1]x>: <[127.0.0.1]x>"},
        {"inet:25@", "invalid host address: <inet:25@>: <>"},
        {"inet:25@a b", "invalid host address: <inet:25@a b>: <a b>"},
    };
    for (auto const& [text, wanted] : cases) {
        auto const result = endpoint::parse(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error(), wanted);
    }
    auto const nothing = endpoint::parse(std::string_view());
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error(), "spec should not be NULL");
}

TEST(endpoint, says_which_host_could_not_be_resolved) { // configuration 4
    auto const result = endpoint::parse("inet:25@no.such.example");
    ASSERT_TRUE(result);
    EXPECT_EQ(
        result->unresolved("Name or service not known"),
        "invalid host address: <inet:25@no.such.example>: <no.such.example>: <Name or service not known>");
}

// sun_path has 108 bytes, one of them for the NUL (configuration 4).
TEST(endpoint, takes_a_path_only_if_it_fits_into_sun_path) {
    for (std::size_t size : {1U, 106U, 107U}) {
        auto const result = endpoint::parse("unix:" + std::string(size, 'p'));
        ASSERT_TRUE(result) << size;
        EXPECT_EQ(result->path.size(), size);
    }
    for (std::size_t size : {108U, 109U, 5000U}) {
        auto const spec = "local:" + std::string(size, 'p');
        auto const result = endpoint::parse(spec);
        ASSERT_FALSE(result) << size;
        EXPECT_EQ(result.error(),
                  "path should be shorter than 108 bytes: <" + spec + ">: <" + std::to_string(size) + ">");
    }
}

TEST(endpoint, takes_no_nul_anywhere) {
    using namespace std::string_literals;
    for (auto const& text : {"unix:/a\0b"s, "inet:25@a\0b"s, "inet:25@[127.0.0.1\0]"s,
                             "inet6:25@[fe80::1%l\0]"s, "inet:2\0005"s, "inet\0:25"s})
        EXPECT_FALSE(endpoint::parse(text)) << text;
}

} // namespace
} // namespace milter::wire::test
