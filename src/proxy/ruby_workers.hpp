// The processes that run the Ruby blocks of one loaded configuration, and the questions that wait for them
// (configuration 6, 7). A thread of its own: sessions of all threads ask, each worker has one question at a
// time. A worker that hangs or dies costs the block that it was at, and is replaced. Decides nothing.
#pragma once

#include "core/policy.hpp"
#include "core/question.hpp"
#include "observe/log.hpp"
#include "proxy/question_text.hpp"
#include "proxy/ruby_parent.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::proxy {

// What came of a question. An item without an answer cannot be known.
struct ruby_answer {
    struct failure {
        core::child_index child = 0;
        std::string text; // with the block's "FILE:LINE"
        bool late = false;
    };
    std::vector<core::block_answer> answers;
    shelf_changes shelf;
    std::vector<failure> failures; // of blocks, to be logged by who asked
};

struct ruby_question {
    std::shared_ptr<core::question const> what;
    std::shared_ptr<core::policy const> rules; // of the same load as the workers
    at_hand more;
    // Who asks: once this is gone, nobody waits.
    std::weak_ptr<void> asker;
    // Called at most once, on this context.
    std::shared_ptr<boost::asio::io_context> back;
    std::function<void(ruby_answer const&)> told;
};

class ruby_workers {
public:
    struct settings {
        unsigned processes = 1;
        std::chrono::milliseconds timeout{5'000};      // of one block
        bool dropped_root = false;                     // the parent has to do the same
        std::size_t most_waiting = 10'000;             // questions; what exceeds it is not asked
        std::vector<core::question_source> maintained; // blocks that maintain() calls
    };

    ruby_workers(ruby_process parent, settings with, observe::log& log);
    // Ends the processes; questions that still wait are not answered.
    ~ruby_workers();
    ruby_workers(ruby_workers const&) = delete;
    ruby_workers& operator=(ruby_workers const&) = delete;

    // From any thread. Always answered unless the workers end before.
    void ask(ruby_question what);
    // From any thread: each worker calls the hooks, as soon as it is free (configuration 3.4).
    void maintain();
    // From any thread. gone: called once, on another thread, when no worker can be had any more; at once when
    // that is so.
    void when_gone(std::function<void()> gone);

private:
    class desk;
    std::unique_ptr<desk> desk_;
};

} // namespace milter::proxy
