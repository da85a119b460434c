#include "daemon/heartbeat.hpp"

#include "daemon/notify.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace milter::daemon {

namespace {

constexpr std::chrono::microseconds usual = std::chrono::seconds(10);

} // namespace

heartbeat::heartbeat(boost::asio::io_context& main, std::function<std::string()> status,
                     std::function<void(std::function<void()>)> ask_all)
    : status_(std::move(status)), ask_all_(std::move(ask_all)), timer_(main) {}

void heartbeat::start() {
    if (std::getenv("NOTIFY_SOCKET") == nullptr) return;
    auto const watched = notify::watchdog();
    is_watched_ = watched.count() > 0;
    interval_ = is_watched_ ? std::min(usual, watched / 2) : usual;
    beat();
}

void heartbeat::stop() {
    timer_.cancel();
    interval_ = {};
}

void heartbeat::beat() {
    notify::status(status_());
    if (is_watched_) ask_all_([] { notify::alive(); });
    timer_.expires_after(interval_);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && interval_.count() > 0) beat();
    });
}

} // namespace milter::daemon
