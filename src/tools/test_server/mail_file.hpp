// A mail as it lies in a file: header fields and body, LF or CRLF, perhaps with the "From " line of an mbox.
// Never changes a byte of the body.
#pragma once

#include "tools/test_server/message.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::tools::test_server {

struct mail {
    std::vector<header> headers; // folded values keep their line breaks as they are in the file
    std::string body;            // the bytes of the file
};

tl::expected<mail, std::string> parse_mail(std::string_view bytes);
// The whole file; the error names it.
tl::expected<mail, std::string> read_mail(std::string const& path);

} // namespace milter::tools::test_server
