// The statistics lines of a session, kept to the letter because other programs read them (logs 4). Formats
// nothing when nobody wants them; never adds, leaves out or words anything else.
#pragma once

#include "core/action.hpp"
#include "observe/log.hpp"

#include <atomic>
#include <cstdint>

namespace milter::proxy {

class statistics {
public:
    // tag: of the session; its children have the numbers behind it (logs 3).
    statistics(observe::log& log, core::policy const& rules, std::uint64_t tag);

    void operator()(core::session_ended const& what);
    void operator()(core::child_left const& what);
    // with: the actions that it is one of.
    void operator()(core::header_told const& what, core::actions const& with);
    void operator()(core::quarantine_told const& what);
    // A connection checker has missed the client, so long after the session began.
    void disconnected(core::microseconds after);

private:
    bool wanted() const { return log_.wants(observe::level::statistics); }
    std::uint64_t tag_of(core::child_index i) const { return tag_ + 1 + i; }

    observe::log& log_;
    core::policy const& rules_;
    std::uint64_t tag_;
};

// The numbers that the process gives to sessions and children, one row for all (logs 3). From any thread.
class tags {
public:
    // Of a session with so many children.
    std::uint64_t next(std::size_t children) { return 1 + given_.fetch_add(1 + children); }

private:
    std::atomic<std::uint64_t> given_{0};
};

// `[sessions][finished] N(+M) P` for all threads together.
class finished_sessions {
public:
    // ended: sessions of the process so far; running: at the moment. Says nothing when that was told already.
    void tell(observe::log& log, std::uint64_t ended, std::uint64_t running);

private:
    std::atomic<std::uint64_t> told_{0};
};

} // namespace milter::proxy
