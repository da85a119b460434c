// What the process and its launcher say to each other, each in one packet. A request never carries a command,
// a path or a name: at most a position in a list that the launcher has had from the start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace milter::daemon {

enum class launch_ask : char { start = 'L', remove_socket = 'S', remove_pid_file = 'P' };

struct launch_request {
    launch_ask what = launch_ask::start;
    std::uint32_t index = 0; // of the command to start
    friend bool operator==(launch_request const&, launch_request const&) = default;
};

enum class launch_news : char {
    running = 'r',     // value: the number of the process
    not_started = 'f', // value: the error number
    ended = 'e',       // value: its status, as waitpid says
    not_now = 'n',     // it runs, or it rests
    done = 'd'         // with closing itself up, or with a file; value: 0 or the error number
};

// Where starting it failed.
enum class launch_step : char { none = '-', fork = 'f', user = 'u', exec = 'x' };

struct launch_reply {
    launch_news what = launch_news::running;
    launch_step step = launch_step::none;
    std::uint32_t index = 0;
    std::int32_t value = 0;
    std::uint32_t rest_ms = 0; // it must not be started for so long
    friend bool operator==(launch_reply const&, launch_reply const&) = default;
};

inline constexpr std::size_t longest_launch_packet = 14; // bytes

std::string encode(launch_request const& request);
std::string encode(launch_reply const& reply);
// Nothing for anything that encode() does not make.
std::optional<launch_request> decode_launch_request(std::string_view packet);
std::optional<launch_reply> decode_launch_reply(std::string_view packet);

} // namespace milter::daemon
