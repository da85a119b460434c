// The defaults of all settings as JSON, for the readers of the DSL: {"manager": {"n_workers": 0, ...}, ...,
// "milter": {...}}. The DSL has no list of settings of its own.
#pragma once

#include <boost/json/object.hpp>

namespace milter::config {

boost::json::object defaults();

} // namespace milter::config
