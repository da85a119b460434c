// What milter-test-client was told to do, checked: the command line as values. Knows no sockets and never
// prints but a complaint.
#pragma once

#include "filter/answer.hpp"
#include "tools/common_options.hpp"
#include "tools/test_client/script.hpp"
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
    common_options common;
    bool report = true;
    bool checksum = false;
    bool json = false;       // the report, and the statistics
    bool statistics = false; // at the end
    std::string record_path;
    script played; // its rules come before all others

    wire::actions actions = wire::all_actions;
    wire::steps steps = wire::step::skip;
    std::vector<std::pair<wire::macro_stage, std::string>> macros; // lists that are asked for

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

} // namespace milter::tools::test_client
