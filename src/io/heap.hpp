// The memory that the allocator keeps for later. Works with jemalloc, which the program is built with
// (MILTER_JEMALLOC), and with the C library's allocator.
#pragma once

namespace milter::io {

// What the process has freed goes back to the system now, of all threads (of other threads but what they keep
// at hand). Takes milliseconds when that is much.
void give_free_memory_back();

} // namespace milter::io
