#include "io/heap.hpp"

#include <cstddef>
#include <fstream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <unistd.h>

namespace milter::io {
namespace {

std::size_t resident_bytes() {
    std::ifstream figures("/proc/self/statm");
    std::size_t size = 0;
    std::size_t resident = 0;
    figures >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(heap, what_was_freed_goes_back_to_the_system) {
    constexpr std::size_t blocks = 32'768;
    constexpr std::size_t block = 1024;
    std::vector<std::unique_ptr<char[]>> all;
    for (std::size_t i = 0; i < blocks; ++i) {
        all.push_back(std::make_unique<char[]>(block)); // zeroed, so it is there
    }
    // A block that stays at the end: without it the C library would give memory back by itself.
    auto const last = std::make_unique<char[]>(block);
    auto const most = resident_bytes();
    all.clear();
    give_free_memory_back();
    EXPECT_LT(resident_bytes() + blocks * block / 2, most);
}

} // namespace
} // namespace milter::io
