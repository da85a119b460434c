// What came of many sessions: how often which answer, and how long each stage took. Makes texts, never writes
// them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace milter::tools::test_server {

// The letter of the command, and the seconds until its answer.
using timings = std::vector<std::pair<char, double>>;

class tally {
public:
    // failure: why there is no answer, or not the right one; "" = none.
    void add(std::string_view status, std::string_view failure, timings const& of, double seconds);

    std::size_t sessions() const { return sessions_; }
    std::size_t failed() const { return failed_; }
    // seconds: of all of it.
    std::string report(double seconds) const;
    std::string json(double seconds) const;

private:
    std::size_t sessions_ = 0;
    std::size_t failed_ = 0;
    std::map<std::string, std::size_t, std::less<>> statuses_;
    std::map<std::string, std::size_t, std::less<>> failures_;
    std::map<std::size_t, std::vector<double>> times_; // by the place of the stage
};

} // namespace milter::tools::test_server
