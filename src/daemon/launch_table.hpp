// The commands that may be run for milters, as the launcher gets them before it is forked: words, and a user
// who is known. Judges who may be run as whom; starts nothing.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"
#include "tools/identity.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace milter::daemon {

using tools::become;
using tools::find_identity;
using tools::identity;

struct launch_command {
    std::vector<std::string> words; // the program, absolute or without "/", and its arguments
    std::optional<identity> user;   // never root; nothing = as the launcher, which then is not root
    std::string written;            // what the configuration says, to find it again

    friend bool operator==(launch_command const& a, launch_command const& b) {
        return a.written == b.written;
    }
};

struct launch_table {
    std::vector<launch_command> commands;
    std::vector<std::string> warnings;         // "PLACE: what"; of commands that are not run, or not so
    std::vector<config::complaint> complaints; // with one of them, nothing may be started
};

// The commands of enabled milters. as_root: the launcher is root.
launch_table launch_table_of(config::snapshot const& what, bool as_root);

// Commands are found again by what the configuration says of them: a position in `table`, or nothing.
std::optional<std::uint32_t> find_command(std::vector<launch_command> const& table, config::milter const& of);

} // namespace milter::daemon
