// The mail of --explain as the command line tells it, and its content. Reads nothing but the file that was
// named, and judges nothing but what no mail can be made of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon::explain {

struct request {
    std::string client; // an IP address
    std::string client_name;
    std::string helo;
    std::string from;
    std::vector<std::string> to;
    std::string mail_file; // "" = a small mail of our own
    bool dry = false;      // only the conditions
    bool json = false;
};

// "", or what is wrong with it.
std::string problem_of(request const& what);

struct mail {
    std::vector<std::pair<std::string, std::string>> headers; // folded lines separated by LF
    std::string body;                                         // lines end in CRLF
};

// The file's, LF or CRLF; a "From " line in front is left out. The error names the file.
tl::expected<mail, std::string> read_mail(request const& what);

} // namespace milter::daemon::explain
