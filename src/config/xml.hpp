// A configuration as the XML of milter-manager.custom.conf (configuration 11): what programs read from the
// control socket, and may send back. Has only what that file can have; conditions, log and database are not
// in it.
#pragma once

#include "config/snapshot.hpp"

#include <string>

namespace milter::config {

// UTF-8, ends with a line break. Loaded as that file, it changes nothing.
std::string as_xml(snapshot const& what);

} // namespace milter::config
