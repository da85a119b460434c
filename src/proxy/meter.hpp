// What sessions do → the figures of the process. One for all sessions of a configuration: the handles of its
// children are looked up when it is made. Counts only; from any thread.
#pragma once

#include "core/action.hpp"
#include "observe/metrics.hpp"

#include <memory>
#include <string>
#include <vector>

namespace milter::proxy {

// The words of core, as metrics show them.
observe::vocabulary figure_words();

class meter {
public:
    // of: outlives it.
    meter(observe::metrics& of, core::policy const& rules);

    void count(core::child_answered const& what);
    void count(core::child_skipped const& what);
    void count(core::child_failed const& what);
    void count(core::message_done const& what);
    void count(core::session_decided const& what);
    void count(core::session_refused const& what);
    void mta_lost();
    // An answer is due from the child, or not any more.
    void waits_for(core::child_index i, bool waits);
    void block_failed();
    void question_late();
    void broken_invariant();

private:
    struct place {
        std::shared_ptr<observe::child_meter> of;
        std::vector<std::shared_ptr<observe::counter>> skips; // by condition of the policy; null: not its own
        bool evaluated;
    };
    observe::process_meter& process_;
    std::vector<place> children_;
};

} // namespace milter::proxy
