#include "io/heap.hpp"

#include <cstddef>
#include <string>

#include <malloc.h>

// jemalloc's (jemalloc(3)), if that is what the program has.
extern "C" int mallctl(char const* name, void* old, std::size_t* old_size, void* fresh,
                       std::size_t fresh_size) __attribute__((weak));

namespace milter::io {

namespace {

constexpr unsigned all_arenas = 4096; // MALLCTL_ARENAS_ALL

} // namespace

void give_free_memory_back() {
    if (mallctl == nullptr) {
        ::malloc_trim(0);
        return;
    }
    static std::string const purge = "arena." + std::to_string(all_arenas) + ".purge";
    mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
    mallctl(purge.c_str(), nullptr, nullptr, nullptr, 0);
}

} // namespace milter::io
