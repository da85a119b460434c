// What the environment says about the log (logs 2): MILTER_LOG_LEVEL, _ITEM, _PATH, _COLORIZE, _SYSLOG_LEVEL,
// _SYSLOG_FACILITY. It counts only where the configuration and the command line say nothing.
#pragma once

#include "observe/log.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace milter::daemon {

struct wrong_variable {
    std::string variable;
    std::string value;
    std::string error;
};

// given: the settings that have a value from elsewhere. Variables that are not understood change nothing.
std::vector<wrong_variable> add_environment(observe::log_settings& to,
                                            std::set<std::string, std::less<>> const& given);

} // namespace milter::daemon
