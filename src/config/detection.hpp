// What became of the milters that a configuration looked for on this system: read out of the evaluator's
// JSON, printed for --explain-detection. Never decides which milters run, and never looks at a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace milter::config {

struct snapshot;

struct looked_at {
    std::string path;
    bool found = false;
};

// One candidate. All texts are UTF-8; places are "FILE:LINE", or a program that said it.
struct candidate {
    std::string name; // of the milter that it became, or would have become
    std::string detector;
    std::string location; // of the configuration line that looked for it
    std::string outcome;  // "enabled", "disabled", "not found", "skipped"
    std::string why;
    std::optional<std::string> connection_spec;
    std::optional<std::string> spec_from;
    std::optional<std::string> warning; // names the file that was not understood
    std::vector<config::looked_at> looked_at;
};

// In the order of the configuration; nullopt when the JSON has another shape.
std::optional<std::vector<candidate>> read_detection(boost::json::value const& list);

// Lines "PLACE: what; what it means", one for each candidate that was skipped.
std::vector<std::string> detection_warnings(snapshot const& what);

// A table for people, one paragraph a candidate, with what the rest of the configuration made of it.
std::string explain_detection(snapshot const& what);

} // namespace milter::config
