// What a log said in all, for programs: JSON and CSV. Pure.
// The figures are those of what was read, never those of RRD files.
#pragma once

#include "tools/log_analyzer/tables.hpp"

#include <cstdint>
#include <string>

namespace milter::tools::log_analyzer {

// lines: that were read, of any program. One object; times in RFC 3339, UTC.
std::string as_json(tables const& of, std::uint64_t lines);
// "table,source,total,per_minute,most_per_minute", a line for each source of each table.
std::string as_csv(tables const& of);
// "2026-11-22T07:11:00Z"
std::string utc_text(minute when);

} // namespace milter::tools::log_analyzer
