// Who may begin: counts the sessions of all workers against manager.max_connections, and their descriptors
// against what the process may open, so that no session begins whose children could not be connected (their
// fallback would let mail pass unfiltered). Never turns a client away: it waits in the kernel's queue. Safe
// to use from several threads.
#pragma once

#include <cstdint>
#include <mutex>

namespace milter::proxy {

class admission {
public:
    struct limits {
        std::uint64_t sessions = 0;         // at once; 0 = any number
        std::uint64_t descriptors = 0;      // for all sessions; 0 = any number
        std::uint64_t descriptors_each = 1; // that a session may need
    };
    enum class answer { yes, too_many_sessions, too_few_descriptors };

    // The only session may always begin. Otherwise the next give_back() tells.
    answer take(limits const& by);
    // What that session had taken; ended: it had begun. True: somebody may begin now who could not.
    bool give_back(limits const& by, bool ended);
    // A client could not be taken for another reason: the next end of a session tells.
    void tell_at_an_end();

    // A client has to wait. True: it is the first one of an episode, which the caller ends.
    bool waits();
    // From time to time, by that caller: nobody had to wait since the last time, and the episode is over.
    bool episode_over();

private:
    std::mutex mutex_;
    std::uint64_t sessions_ = 0;
    std::uint64_t descriptors_ = 0;
    bool refused_ = false; // somebody was
    bool waits_for_end_ = false;
    bool episode_ = false;
    bool waited_ = false; // since the last look
};

} // namespace milter::proxy
