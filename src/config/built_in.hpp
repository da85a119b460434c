// What the package builder decided (CMake options MILTER_*), "" = none. Values of the build, never of the
// running system. Only built_in.cpp is compiled anew for another platform.
#pragma once

#include <string_view>

namespace milter::config::built_in {

extern std::string_view const version;
extern std::string_view const platform;
extern std::string_view const connection_spec;
extern std::string_view const effective_user;
extern std::string_view const effective_group;
extern std::string_view const socket_group;
extern std::string_view const pid_file;
inline constexpr bool has_metrics = MILTER_HAS_METRICS;

} // namespace milter::config::built_in
