// Bytes of a peer as UTF-8, for JSON, which takes nothing else. Never escapes: that is for who writes the
// JSON.
#pragma once

#include <string>
#include <string_view>

namespace milter::tools {

// Bytes that are no UTF-8 (RFC 3629) become U+FFFD, one each.
std::string as_utf8(std::string_view bytes);

} // namespace milter::tools
