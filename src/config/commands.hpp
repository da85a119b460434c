// The commands that start milters (configuration 5): which of them somebody meant to be run, and their words.
// Only reads a snapshot; looks nothing up and starts nothing.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"

#include <string>
#include <vector>

namespace milter::config {

// The program and its arguments; empty without a command. The command has been judged.
std::vector<std::string> words_of_command(milter const& of);
// What is wrong with the command of a milter, at the lines that say it.
std::vector<complaint> complaints_about_command(milter const& of);
// Detection found it, and nobody has said as whom it runs: its service manager starts it, as root.
bool is_left_to_service_manager(milter const& one, snapshot const& in);

} // namespace milter::config
