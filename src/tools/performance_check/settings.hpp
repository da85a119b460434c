// What milter-performance-check was told, checked: the command line as values. Never reads a mail, never
// prints but a complaint.
#pragma once

#include "tools/performance_check/delivery.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace milter::tools::performance_check {

using duration = std::chrono::milliseconds;

struct settings {
    server to;
    manners how;
    addressing who;
    std::vector<std::string> paths;

    unsigned mails = 100;             // when there is one or none to send
    unsigned additional_lines = 0;    // of a generated mail
    unsigned concurrent = 1;          // connections at once, of a worker
    unsigned workers = 1;             // each sends all mails
    std::optional<duration> interval; // from the start of one to the start of the next
    std::optional<duration> period;   // in which all are started
    bool flood = false;               // again and again
    std::optional<duration> flood_for;
    bool shuffle = false;

    std::string csv; // path, "" = none
    bool report_failures = false;
    std::optional<duration> report_every;
    bool json = false;
};

// The settings, or the exit status when there is nothing to run (help, version, a complaint).
struct parsed {
    std::optional<int> status;
    settings values;
};
parsed parse(int count, char const* const* words);

} // namespace milter::tools::performance_check
