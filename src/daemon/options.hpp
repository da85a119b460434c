// The command line of milter-manager (tools E, F.1) as values. Settings on it become overrides of the files';
// their values are judged here, by the same rules. Reads nothing but argv.
#pragma once

#include "config/parse.hpp"
#include "daemon/explain/request.hpp"
#include "proxy/recording/archive.hpp"

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

enum class task { serve, show_config, check_config, explain_detection, explain };

struct options {
    daemon::task task = task::serve;
    std::optional<std::string> config_dir;
    std::optional<std::string> config_file;        // JSON instead of milter-manager.conf
    bool replace = false;                          // the running one
    std::vector<config::override_value> overrides; // in the order of the command line
    // Where paths in the configuration begin that do not begin with "/"; "" = where the process is.
    std::string base;
    daemon::explain::request mail; // of explain
    std::optional<proxy::record_wish> record;
};

// The program is to end at once: --help and other texts of its own, or a mistake.
struct farewell {
    int status = 0;
    std::string text; // for standard output when the status is 0, else for standard error
};

// By the command line alone: into the background, or to the foreground whatever the files say; nothing = as
// they say.
std::optional<bool> wants_background(options const& by);
// The directory may change from now on: paths begin at the one of now.
void stay_here(options& by);

tl::expected<options, farewell> parse_options(int argc, char const* const* argv);

} // namespace milter::daemon
