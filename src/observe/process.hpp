// What the kernel knows of this process: descriptors, memory, its beginning. Takes a moment (it reads a
// directory), so not for the way of a mail.
#pragma once

#include <cstdint>

namespace milter::observe {

// 0 where it cannot be found out.
struct process_reading {
    std::uint64_t open_descriptors = 0;
    std::uint64_t most_descriptors = 0; // the limit that is in force
    std::uint64_t resident_bytes = 0;
    double started = 0; // seconds since 1970
};
process_reading read_process();

} // namespace milter::observe
