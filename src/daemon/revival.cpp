#include "daemon/revival.hpp"

#include <algorithm>
#include <utility>

namespace milter::daemon {

namespace {

constexpr std::chrono::seconds first_rest{1};
constexpr std::chrono::seconds longest_rest{60};
constexpr std::chrono::minutes forgotten_after{10};

} // namespace

revival::revival(boost::asio::io_context& main, observe::log& log, std::function<void()> reload)
    : timer_(main), log_(log), reload_(std::move(reload)) {}

void revival::lost() {
    if (stopped_ || std::exchange(missing_, true)) return;
    if (clock::now() - tried_ > forgotten_after) pause_ = first_rest;
    wait();
}

void revival::wait() {
    timer_.expires_after(pause_);
    timer_.async_wait([this](boost::system::error_code failed) {
        if (failed || !missing_ || stopped_) return;
        tried_ = clock::now();
        pause_ = std::min(pause_ * 2, longest_rest);
        reload_();
        wait(); // until it has succeeded
    });
}

void revival::replaced() {
    if (!std::exchange(missing_, false)) return;
    timer_.cancel();
    log_.event(observe::level::message, "ruby_parent_replaced", {});
}

void revival::stop() {
    stopped_ = true;
    timer_.cancel();
}

} // namespace milter::daemon
