// The processes of this host, as /proc tells of them. Never waits and never changes one; what has ended while
// it was looked at is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace milter::tools::report_statistics {

struct process {
    pid_t number = 0;
    std::string name;    // the last part of the program's path, as it was called
    std::string command; // its words with blanks between them, raw
    std::uint64_t virtual_kb = 0, resident_kb = 0;
    std::uint64_t ticks = 0;                // of processor time, in units of sysconf(_SC_CLK_TCK)
    std::optional<std::size_t> descriptors; // nothing: only its user and root may know
};

// Nothing when there is no such process, or when it is the kernel's own.
std::optional<process> look_at(pid_t number);
// By number.
std::vector<pid_t> all_numbers();
// The numbers in the files DIRECTORY/**/*.pid.
std::vector<pid_t> numbers_in(std::string const& directory);

} // namespace milter::tools::report_statistics
