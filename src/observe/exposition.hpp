// Metrics as Prometheus reads them (text format 0.0.4). Only in builds with MILTER_METRICS, and never for who
// shows figures himself: observe/metrics has them without the library.
#pragma once

#include "observe/metrics.hpp"

#include <string>
#include <vector>

namespace milter::observe {

inline constexpr char const* exposition_type = "text/plain; version=0.0.4; charset=utf-8";

// Families without samples are left out.
std::string exposition_of(std::vector<family> const& all);

} // namespace milter::observe
