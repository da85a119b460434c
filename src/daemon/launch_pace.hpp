// When a command may be started again: once at a time, and after each end a pause that grows from a second to
// five minutes. Told the time; starts nothing.
#pragma once

#include <chrono>

namespace milter::daemon {

class launch_pace {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    // How long it must not be started yet; 0 = it may be.
    milliseconds rest(time_point now) const;
    void started(time_point now);
    // How long from now on it must not be started.
    milliseconds ended(time_point now);

private:
    unsigned ends_ = 0; // since it last lived for a while
    time_point started_{};
    time_point not_before_{};
};

} // namespace milter::daemon
