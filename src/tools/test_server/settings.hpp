// What milter-test-server was told to play, checked and complete: the command line and the mail file as
// values. Knows no sockets and never prints but a complaint.
#pragma once

#include "tools/script/script.hpp"
#include "tools/test_server/message.hpp"
#include "wire/command.hpp"
#include "wire/endpoint.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::test_server {

struct macro {
    std::string name;                 // without braces
    std::optional<std::string> value; // nothing = the recipient of the moment
};
// By the letter of the command that they precede.
using macro_sets = std::map<char, std::vector<macro>>;

struct client_address {
    char family = '4'; // as in wire::connect
    std::uint16_t port = 50443;
    std::string address = "192.168.123.123";
};

using time_limit = std::optional<std::chrono::milliseconds>; // nothing = none

struct settings {
    std::string name = "milter-test-server";
    wire::endpoint where;
    unsigned version = wire::newest_version;
    std::string host = "mx.example.net";
    client_address client;
    macro_sets macros;
    std::string helo = "delian";
    std::optional<std::string> unknown_command;
    message mail;
    bool output_message = false;
    bool color = false;
    bool verbose = false;
    time_limit connection_timeout = std::chrono::seconds(300);
    time_limit reading_timeout = std::chrono::seconds(10);
    time_limit writing_timeout = std::chrono::seconds(10);
    time_limit end_of_message_timeout = std::chrono::seconds(300); // of the whole stage
    unsigned sessions = 1;
    // More than the one: only their sum is printed.
    bool is_load = false;
    unsigned repeat = 1; // of the message, or of each script
    unsigned concurrency = 1;
    double rate = 0; // sessions begun a second; 0 = as fast as it goes
    bool json = false;
    std::string expected_status;              // "" = any
    std::vector<script::screenplay> scripts;  // played instead of the message
    std::string replay;                       // a directory of them, played in their place; "" = none
    std::vector<std::string> ignored;         // patterns of lines that a replay does not compare
    bool conformance = false;                 // the suite instead of the message
    std::set<std::string, std::less<>> rules; // of it, that are wanted; empty = all
};

// The exit status of many sessions, the worst first; 0 when all went as they should.
constexpr int could_not_talk = 1;
constexpr int unexpected_answer = 2;

// The settings, or the exit status when there is nothing to run (help, version, a complaint).
struct parsed {
    std::optional<int> status;
    settings values;
};
parsed parse(int count, char const* const* words);

} // namespace milter::tools::test_server
