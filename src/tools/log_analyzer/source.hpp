// Lines of a file, of standard input or of a pipe, plain or compressed by gzip. A line has a limit: what is
// longer is dropped, so no input can fill the memory. Never looks at what a line says.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::tools::log_analyzer {

inline constexpr std::size_t longest_line = 256 * 1024; // bytes

// path: "-" is standard input. take: called with each line without its end, valid during the call. The error
// names the file and says why; lines before it have been taken.
tl::expected<void, std::string> read_lines(std::string const& path,
                                           std::function<void(std::string_view)> const& take);

} // namespace milter::tools::log_analyzer
