// What is told about the process and its children → the JSON of an answer (docs/control-protocol.md). Only
// makes text of values; asks nobody.
#pragma once

#include "config/complaint.hpp"
#include "config/difference.hpp"
#include "observe/metrics.hpp"
#include "proxy/sight.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace milter::daemon::control {

struct process_figures {
    std::string version;
    std::int64_t pid = 0;
    bool stopping = false;
    std::chrono::duration<double> uptime{0};
    std::chrono::duration<double> configuration_age{0};
    std::uint64_t reloads_done = 0;
    std::uint64_t reloads_failed = 0;
    std::uint64_t sessions_open = 0;
    std::uint64_t sessions_begun = 0;
    std::uint64_t sessions_ended = 0;
    std::string log_level;
};

struct child_shown {
    std::string name;
    std::string endpoint;
    std::string_view state; // ok, left_alone, disabled
    bool evaluation_mode = false;
    std::optional<observe::child_figures> counted;
};

boost::json::object as_json(process_figures const& process, std::vector<child_shown> const& children);
boost::json::array as_json(std::vector<proxy::sight> const& sessions);
boost::json::array as_json(std::vector<config::complaint> const& complaints);
boost::json::array as_json(std::vector<config::change> const& changes);

} // namespace milter::daemon::control
