// The command line of milter-manager-controller as values: where the manager is, what it is asked, how the
// answer is shown. Talks to nobody.
#pragma once

#include "wire/endpoint.hpp"

#include <chrono>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

namespace milter::tools::controller {

enum class task {
    status,
    sessions,
    explain,
    reload,
    stop,
    log_level,
    disable,
    enable,
    configuration,
    ping,
    version,
    top,
};

struct settings {
    controller::task task = task::status;
    boost::json::object request; // as it is sent (docs/control-protocol.md)
    wire::endpoint where;
    bool json = false; // show the answer as it came
    std::chrono::milliseconds timeout{120'000};
    std::chrono::milliseconds interval{2'000}; // of top
    bool once = false;                         // of top
};

inline constexpr int done = 0;
inline constexpr int refused = 1; // the manager did not do it
inline constexpr int usage = 2;
inline constexpr int not_reachable = 3;

struct parsed {
    std::optional<int> status; // the program is to end with it; everything has been printed
    settings values{};
};

parsed parse(int count, char const* const* words);

} // namespace milter::tools::controller
