#include "daemon/launch_message.hpp"

#include <gtest/gtest.h>

namespace milter::daemon::test {
namespace {

using namespace std::string_literals;

TEST(launch_request, is_a_letter_and_at_most_a_position) {
    EXPECT_EQ(encode(launch_request{launch_ask::start, 0x01020304}), "L\x01\x02\x03\x04");
    EXPECT_EQ(encode(launch_request{launch_ask::remove_socket, 7}), "S");
    EXPECT_EQ(encode(launch_request{launch_ask::remove_pid_file, 7}), "P");
    for (auto const& one :
         {launch_request{launch_ask::start, 0}, launch_request{launch_ask::start, 0xFFFFFFFF},
          launch_request{launch_ask::remove_socket, 0}, launch_request{launch_ask::remove_pid_file, 0}})
        EXPECT_EQ(decode_launch_request(encode(one)), one);
}

TEST(launch_request, is_nothing_else) {
    for (auto const& packet : {""s, "\0"s, "L"s, "L\0\0\0"s, "L\0\0\0\0\0"s, "S\0"s, "P "s, "X"s,
                               "l\0\0\0\0"s, "launch\0/bin/sh\0root\0"s, "S/etc/passwd"s, "\0\0\0\0\0"s})
        EXPECT_FALSE(decode_launch_request(packet)) << testing::PrintToString(packet);
}

TEST(launch_reply, is_read_as_it_was_written) {
    for (auto const what : {launch_news::running, launch_news::not_started, launch_news::ended,
                            launch_news::not_now, launch_news::done})
        for (auto const step : {launch_step::none, launch_step::fork, launch_step::user, launch_step::exec}) {
            launch_reply const reply{what, step, 3, -5, 300'000};
            EXPECT_EQ(encode(reply).size(), longest_launch_packet);
            EXPECT_EQ(decode_launch_reply(encode(reply)), reply);
        }
    auto const good = encode(launch_reply{});
    EXPECT_FALSE(decode_launch_reply(good + "x"));
    EXPECT_FALSE(decode_launch_reply(good.substr(1)));
    EXPECT_FALSE(decode_launch_reply("x" + good.substr(1)));
    EXPECT_FALSE(decode_launch_reply(good.substr(0, 1) + "?" + good.substr(2)));
}

} // namespace
} // namespace milter::daemon::test
