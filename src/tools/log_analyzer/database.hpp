// The RRD files of the tables (logs 6.2): made, taken over from older versions, brought up to date minute by
// minute. A run that was interrupted is made good by the next: each file knows its own last minute.
#pragma once

#include "tools/log_analyzer/rrdtool.hpp"
#include "tools/log_analyzer/tables.hpp"

#include <string>

#include <tl/expected.hpp>

namespace milter::tools::log_analyzer {

// Names and data sources of older versions become those of this one. directory: where the files lie.
tl::expected<void, std::string> migrate(rrdtool& by, std::string const& directory);
// Every minute from the last of each file, or the first of all, to the last of all: also those without lines.
tl::expected<void, std::string> update(rrdtool& by, std::string const& directory, tables const& with);

} // namespace milter::tools::log_analyzer
