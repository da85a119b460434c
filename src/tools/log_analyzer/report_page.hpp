// One HTML page with pictures (SVG) and figures of what was read: no other file, no RRDtool, no script. Pure.
// Never reads or writes a file.
#pragma once

#include "tools/log_analyzer/tables.hpp"

#include <string>

namespace milter::tools::log_analyzer {

std::string report_page(tables const& of);

} // namespace milter::tools::log_analyzer
