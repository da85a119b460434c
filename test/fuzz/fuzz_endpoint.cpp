// endpoint: what parses prints as something that parses to the same; what does not is quoted in the
// complaint. Input: a spec.
#include "fuzz.hpp"

#include "wire/endpoint.hpp"

using namespace milter;
using fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::as_text(data, size);
    auto const parsed = wire::endpoint::parse(text);
    if (!parsed) {
        check(parsed.error().find("<" + text + ">") != std::string::npos, "the complaint quotes the input");
        return 0;
    }
    auto const printed = parsed->text();
    auto const again = wire::endpoint::parse(printed);
    check(again && *again == *parsed, "parse(text()) is the same endpoint");
    check(again->text() == printed, "printing is stable");
    bool const local = parsed->family == wire::endpoint::kind::unix_socket;
    check(local == (text.starts_with("unix:") || text.starts_with("local:")), "the word says the kind");
    if (local) {
        check(!parsed->path.empty() && parsed->path.size() <= 107, "a path fits into sun_path");
        check(parsed->path.find('\0') == std::string::npos, "a path has no NUL");
        check(text.ends_with(":" + parsed->path), "a path is kept byte for byte");
        check(parsed->host.empty() && parsed->port == 0, "a path has neither host nor port");
    } else {
        check(parsed->path.empty(), "a host has no path");
        check(parsed->host.find_first_of(std::string_view("\0 \r\n\t", 5)) == std::string::npos,
              "a host has no blanks and no NUL");
        check(text.find('@') != std::string::npos || parsed->host.empty(), "a host stands behind an @");
    }
    return 0;
}
