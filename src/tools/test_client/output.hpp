// What milter-test-client prints: its report as lines or as JSON, its statistics, and the file that it
// records to. What cannot be written is said once, ends the program politely and makes its status 1.
#pragma once

#include "filter/answer.hpp"
#include "filter/macros.hpp"
#include "wire/command.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace milter::tools::test_client {

// A line on standard output, at once: who reads a pipe waits for it.
void say(std::string_view line);
bool said_everything();

// One object: {"session":1,"event":NAME, KEY: VALUE..., "macros":{...}}. Bytes that are no UTF-8 become
// U+FFFD.
using members = std::initializer_list<std::pair<std::string_view, std::string_view>>;
std::string json_line(std::uint64_t session, std::string_view event, members all,
                      std::span<filter::macro_value const> macros);

// Counted since the start of the process.
struct totals {
    std::uint64_t sessions = 0, messages = 0, aborts = 0, errors = 0, header_bytes = 0, body_bytes = 0;
    std::map<std::string, std::uint64_t, std::less<>> stages, answers; // by their names
    std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

    void answered(filter::body_answer const& what);
    void print(bool json) const;
};

// The file of --record for the whole process. The error names it.
tl::expected<void, std::string> open_record(std::string const& path);
// One session as `mta` lines of the scenarios, which milter-test-server --script plays.
class recording {
public:
    void command(wire::command const& one);
    void macros(char stage, std::span<filter::macro_value const> all);
    void write(std::uint64_t session);

private:
    std::string lines_;
    bool cut_ = false;
};

} // namespace milter::tools::test_client
