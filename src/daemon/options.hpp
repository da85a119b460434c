// The command line of milter-manager (tools E, F.1) as values. Settings on it become overrides of the files';
// their values are judged here, by the same rules. Reads nothing but argv.
#pragma once

#include "config/parse.hpp"

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

enum class task { serve, show_config, check_config, explain_detection };

struct options {
    daemon::task task = task::serve;
    std::optional<std::string> config_dir;
    std::optional<std::string> config_file;        // JSON instead of milter-manager.conf
    std::vector<config::override_value> overrides; // in the order of the command line
};

// The program is to end at once: --help and other texts of its own, or a mistake.
struct farewell {
    int status = 0;
    std::string text; // for standard output when the status is 0, else for standard error
};

tl::expected<options, farewell> parse_options(int argc, char const* const* argv);

} // namespace milter::daemon
