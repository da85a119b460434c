// The mode of a unix socket as text: octal digits or "u=rw,g=rw". Only "=" is known: there is no mode to
// change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::tools {

tl::expected<std::uint32_t, std::string> mode_of(std::string_view text);

} // namespace milter::tools
