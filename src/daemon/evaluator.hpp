// Runs a configuration's Ruby once, in a process of its own: a clean environment, limits of time, memory and
// output; the snapshot's JSON comes back. Never judges what the JSON says, never runs a shell.
#pragma once

#include "proxy/ruby_parent.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

struct evaluation_request {
    std::vector<std::string> load_path;        // directories, first wins
    std::optional<std::string> effective_user; // of the command line
    std::string library;                       // directory of evaluate.rb
    std::string custom_file;                   // instead of the one of the load path; "" = that one
    bool workers = false;                      // the process stays, as the parent of workers
    std::chrono::milliseconds time_limit{60'000};
    std::size_t memory_limit = std::size_t{1} << 30; // bytes of address space
    std::size_t json_limit = std::size_t{16} << 20;  // bytes
    std::stop_token stop;                            // ends it early, as a failure
    std::size_t print_limit = std::size_t{1} << 20;  // bytes that the configuration may print
};

struct evaluation {
    std::string json; // of the whole load (docs/configuration-json.md)
    // What the configuration wrote to standard output and standard error so far, at most print_limit.
    std::string printed;
    proxy::ruby_process ruby; // with `workers`
};

struct failed_evaluation {
    std::string why;     // one line for the operator: what happened and what to do
    std::string printed; // as above
};

// Blocks until the snapshot is there; without `workers` until the process and what it started (in its process
// group) have ended. Safe in a process with threads.
tl::expected<evaluation, failed_evaluation> evaluate(evaluation_request const& request);

} // namespace milter::daemon
