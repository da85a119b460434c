// Which children cannot be connected to at the moment, known to all workers together (chain P56): one that
// has failed several times in a row is left alone for a while; then one session tries, the others still wait.
// Never connects, and decides nothing about a mail. Safe to use from several threads.
#pragma once

#include "core/policy.hpp"
#include "observe/log.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace milter::proxy {

class health {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // on_failure: called at each connecting that fails, on the thread where it did.
    explicit health(observe::log& log, std::function<void(core::child_policy const&)> on_failure = {})
        : log_(log), on_failure_(std::move(on_failure)) {}

    // Before connecting to a child: how long it is still to be left alone, or nothing. With nothing the
    // caller connects, and reports what became of it; if it never does, another may try after one more
    // breaker_pause.
    std::optional<core::milliseconds> left_alone(core::child_policy const& child, time_point now);
    // For who looks on: whether it is, or will be tried by one session at a time until it is back.
    bool is_left_alone(core::child_policy const& child) const;
    // What became of connecting to it.
    void connected(core::child_policy const& child);
    void failed(core::child_policy const& child, time_point now);

    // These are the children from now on: what is known of others is forgotten.
    void keep_only(std::vector<core::child_policy> const& children);

private:
    struct state {
        std::size_t failures = 0; // in a row
        bool given_up = false;
        time_point until{}; // while given up
    };

    observe::log& log_;
    std::function<void(core::child_policy const&)> const on_failure_;
    std::mutex mutable mutex_;
    std::map<std::string, state> states_; // by endpoint, of children that have failed
};

} // namespace milter::proxy
