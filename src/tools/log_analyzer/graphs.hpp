// The pictures that rrdtool draws of the RRD files, and the page that shows them (logs 6.3).
// Never changes an RRD file.
#pragma once

#include "tools/log_analyzer/rrdtool.hpp"

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::tools::log_analyzer {

// directory: where the RRD files lie and the pictures and index.html go. appeared: files without ".rrd",
// in the order of the page; milters that are not named come behind them.
tl::expected<void, std::string> draw(rrdtool& by, std::string const& directory,
                                     std::vector<std::string> const& appeared);

} // namespace milter::tools::log_analyzer
