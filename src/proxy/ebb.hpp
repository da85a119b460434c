// Tells when so many of the sessions of a thread have ended that the memory which they had is worth giving
// back to the system: the allocator keeps it for the next crowd. Counts only; gives nothing back itself.
#pragma once

#include <algorithm>
#include <cstddef>

namespace milter::proxy {

class ebb {
public:
    // Fewer are not worth it: a walk through the whole heap takes milliseconds.
    static constexpr std::size_t crowd = 256;

    void rises_to(std::size_t open) { most_ = std::max(most_, open); }
    // True: three quarters of a crowd have left since the last time.
    bool falls_to(std::size_t open) {
        if (most_ < crowd || open > most_ / 4) return false;
        most_ = open;
        return true;
    }

private:
    std::size_t most_ = 0; // since it was last said
};

} // namespace milter::proxy
