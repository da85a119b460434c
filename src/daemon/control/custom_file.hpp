// milter-manager.custom.conf as a program sends it (tools G): judged by a load of the whole configuration
// with it, and only then saved, in one step. Never makes it take effect: a reload does.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"
#include "daemon/options.hpp"

#include <stop_token>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon::control {

// Where the file is to be: the first of these directories that has one, or in which one can be made; made
// itself if it is the last and missing. The error is for the operator. directories: the load path.
tl::expected<std::string, std::string> custom_file_place(std::vector<std::string> const& directories);

// The path that it was saved as, or everything that is wrong, and then nothing was. Blocks as long as an
// evaluation does. running: says the directory of the user.
tl::expected<std::string, std::vector<config::complaint>> save_custom_file(std::string const& xml,
                                                                           options const& by,
                                                                           config::snapshot const& running,
                                                                           std::stop_token stop);

} // namespace milter::daemon::control
