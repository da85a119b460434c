// What milter-test-client was told to do, checked: the command line as values. Knows no sockets and never
// prints but a complaint.
#pragma once

#include "filter/answer.hpp"
#include "io/listener.hpp"
#include "wire/endpoint.hpp"
#include "wire/options.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace milter::tools::test_client {

// "answer so at this step when its text contains the pattern"
struct rule {
    char step;           // a letter of wire/command.hpp
    std::string pattern; // "" = always
    filter::body_answer answer;
};

using named_value = std::pair<std::string, std::string>;

struct settings {
    wire::endpoint where{
        .family = wire::endpoint::kind::inet, .path = {}, .port = 10025, .host = "127.0.0.1"};
    io::listen_options listen;
    std::string pid_file;
    bool report = true;
    bool checksum = false;

    wire::actions actions = wire::all_actions;
    wire::steps steps = wire::step::skip;

    std::vector<rule> rules; // the first that fits counts
    std::map<char, std::chrono::milliseconds> delays;
    std::set<char> hangs, closes, garbage;
    std::vector<std::string> body_patterns; // reject at the end when the body contains one

    std::vector<named_value> added_headers;
    std::optional<std::string> new_body;
    std::vector<std::string> added_recipients, deleted_recipients;
    std::optional<std::string> new_sender;
    std::optional<std::string> quarantine_reason;
};

// The settings, or the exit status when there is nothing to run (help, version, a complaint).
struct parsed {
    std::optional<int> status;
    settings values;
};
parsed parse(int count, char const* const* words);

// The letter of "connect", "envelope-from" (or "mail"), ...; throws bad_argument.
char step_by_name(std::string_view name, std::string const& option);

} // namespace milter::tools::test_client
