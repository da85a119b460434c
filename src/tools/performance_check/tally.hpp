// What became of the mails: counts, times, and the texts that are printed of them (tools C). Safe to use from
// several threads; knows no connection.
#pragma once

#include "tools/performance_check/smtp_client.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace milter::tools::performance_check {

using seconds = std::chrono::duration<double>;

struct finished_mail {
    std::string name; // of its file, "" = generated
    std::uint64_t size = 0;
    outcome ended;
    seconds took{};
};

class tally {
public:
    void add(finished_mail const& one);

    // The text at the end. failures: list what refused them, and how often.
    std::string report(seconds elapsed, bool failures) const;
    std::string json(seconds elapsed) const;
    // A line of the table that is printed now and then, of what came since the last one; and its head.
    std::string line(seconds since_last, std::string const& time_text);
    static std::string head();

private:
    struct figures {
        std::uint64_t mails = 0;
        std::array<std::uint64_t, 4> by_result{}; // as `result`
        seconds most{}, least{}, sum{};
        void add(finished_mail const& one);
    };

    mutable std::mutex mutex_;
    figures all_, since_last_;
    std::multimap<seconds, std::string, std::greater<>> slowest_; // ten files at most
    std::map<std::pair<result, std::string>, std::uint64_t> failures_;
    std::vector<std::string> rejected_, temporary_; // files
};

} // namespace milter::tools::performance_check
