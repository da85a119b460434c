// What milter-manager-log-analyzer was told, checked: the command line as values. Never reads a log.
// Standard input stands in when no log is named.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace milter::tools::log_analyzer {

struct settings {
    std::vector<std::string> logs; // "-" = standard input; at least one
    std::string directory = ".";
    bool update = true; // the RRD files
    bool draw = true;
    bool json = false, csv = false; // to standard output
    std::string html;               // path, "" = none
};

// The settings, or the exit status when there is nothing to run (help, version, a complaint).
struct parsed {
    std::optional<int> status;
    settings values;
};
parsed parse(int count, char const* const* words);

} // namespace milter::tools::log_analyzer
