// Where this program's own files are: as installed (also below another prefix), or in the build tree. Only
// says where; never looks whether what is there is right.
#pragma once

#include <string>

namespace milter::daemon {

std::string configuration_directory(); // of milter-manager.conf
std::string ruby_library();            // of evaluate.rb; MILTER_MANAGER_RUBYLIB wins

} // namespace milter::daemon
