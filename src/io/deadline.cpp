#include "io/deadline.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace milter::io {

using clock = std::chrono::steady_clock;

struct deadlines::state : std::enable_shared_from_this<state> {
    state(asio::io_context& context, on_passed callback) : timer(context), passed(std::move(callback)) {}

    // A session has a handful of them: a plain vector is the fastest set.
    struct entry {
        clock::time_point at;
        key which;
    };
    asio::steady_timer timer;
    on_passed passed;
    std::vector<entry> entries;
    std::optional<clock::time_point>
        waiting_for; // when the timer will fire; no later than the earliest entry

    std::vector<entry>::iterator find(key which) {
        return std::find_if(entries.begin(), entries.end(), [&](entry const& e) { return e.which == which; });
    }

    std::vector<entry>::iterator earliest() {
        return std::min_element(entries.begin(), entries.end(),
                                [](entry const& a, entry const& b) { return a.at < b.at; });
    }

    // Sets the timer only when it would fire too late; one that fires early finds nothing due and is set
    // again.
    void wait_until(clock::time_point at) {
        if (waiting_for && *waiting_for <= at) return;
        waiting_for = at;
        timer.expires_at(at);
        timer.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (!ec) self->fire();
        });
    }

    void fire() {
        waiting_for.reset();
        auto const now = clock::now();
        while (passed) {
            auto const next = earliest();
            if (next == entries.end()) return;
            if (next->at > now) {
                wait_until(next->at);
                return;
            }
            key const which = next->which;
            entries.erase(next);
            auto const callback = passed; // stop() may be called inside
            callback(which);
        }
    }
};

deadlines::deadlines(asio::io_context& context, on_passed passed)
    : state_(std::make_shared<state>(context, std::move(passed))) {}

deadlines::~deadlines() {
    stop();
}

void deadlines::arm(key which, std::chrono::milliseconds from_now) {
    arm_at(which, clock::now() + from_now);
}

void deadlines::arm_at(key which, clock::time_point at) {
    if (auto const found = state_->find(which); found != state_->entries.end())
        found->at = at;
    else
        state_->entries.push_back({at, which});
    state_->wait_until(at);
}

void deadlines::disarm(key which) {
    if (auto const found = state_->find(which); found != state_->entries.end()) state_->entries.erase(found);
}

void deadlines::stop() {
    state_->passed = nullptr;
    state_->entries.clear();
    state_->timer.cancel();
}

} // namespace milter::io
