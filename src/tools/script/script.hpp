// A session with a milter as text, in the language of the scenarios: what the MTA does, line by line, and
// what must come of it. Knows no sockets; a line that cannot be read is an error, never skipped.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::tools::script {

// A line that the milter has to say: in the words of wire/words.hpp.
struct expectation {
    enum class how { exactly, like, anything, closed };
    std::size_t line = 0;
    how is = how::exactly;
    std::string text; // like: a pattern with * and ?
};

struct step {
    enum class kind { connects, says, half, rest, closes, pause };
    std::size_t line = 0;
    kind what = kind::says;
    std::string who;       // "mta", "mta2", ...: a connection each
    std::string words;     // as they stand in the script
    std::string packets;   // says, half: the bytes
    char code = 0;         // says, half: of the packet
    bool as_it_is = false; // raw: sent whatever was negotiated
    std::chrono::milliseconds time{0};
    std::vector<expectation> expected; // in their order
};

struct screenplay {
    std::string name; // of the file, for complaints
    std::vector<step> steps;
};

// The error: "NAME:LINE: what is wrong".
tl::expected<screenplay, std::string> parse(std::string_view text, std::string name);
// Of at most 64 MiB; the error names the file.
tl::expected<screenplay, std::string> read(std::string const& path);

} // namespace milter::tools::script
