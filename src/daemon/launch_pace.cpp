#include "daemon/launch_pace.hpp"

#include <algorithm>

namespace milter::daemon {

namespace {

using namespace std::chrono_literals;

constexpr launch_pace::milliseconds first_pause = 1s;
constexpr launch_pace::milliseconds longest_pause = 5min;
// Whoever lived for so long has worked; as has what nobody has asked for for so long.
constexpr launch_pace::milliseconds a_while = 1min;

} // namespace

launch_pace::milliseconds launch_pace::rest(time_point now) const {
    return now >= not_before_ ? 0ms : std::chrono::ceil<milliseconds>(not_before_ - now);
}

void launch_pace::started(time_point now) {
    if (ends_ > 0 && now - not_before_ >= a_while) ends_ = 0;
    started_ = now;
}

launch_pace::milliseconds launch_pace::ended(time_point now) {
    if (now - started_ >= a_while) ends_ = 0;
    auto const pause = std::min(longest_pause, first_pause * (1U << std::min(ends_, 9U)));
    ++ends_;
    not_before_ = now + pause;
    return pause;
}

} // namespace milter::daemon
