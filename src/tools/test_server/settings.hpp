// What milter-test-server was told to play, checked and complete: the command line and the mail file as
// values. Knows no sockets and never prints but a complaint.
#pragma once

#include "tools/test_server/message.hpp"
#include "wire/command.hpp"
#include "wire/endpoint.hpp"

#include <chrono>
#include <map>
#include <optional>
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
    std::string expected_status; // "" = any
};

// The settings, or the exit status when there is nothing to run (help, version, a complaint).
struct parsed {
    std::optional<int> status;
    settings values;
};
parsed parse(int count, char const* const* words);

} // namespace milter::tools::test_server
