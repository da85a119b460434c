// A file that is either the old one or the new one, never half of it: written beside it, then renamed.
// The caller says where; no other process may write there at the same time.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::tools::log_analyzer {

// The error names the file and says why; what was there is still there. A device, a pipe: is written to, and
// stays.
tl::expected<void, std::string> write_whole(std::string const& path, std::string_view text);

} // namespace milter::tools::log_analyzer
