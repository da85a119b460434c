// Tells the service manager now and then that the process lives (WATCHDOG=1) and what it does (STATUS=). It
// lives when all its threads have answered since the last time. Does nothing outside a service of type
// "notify".
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::daemon {

class heartbeat {
public:
    // status: one line. ask_all: calls its argument on the main thread when all other threads have answered.
    heartbeat(boost::asio::io_context& main, std::function<std::string()> status,
              std::function<void(std::function<void()>)> ask_all);

    void start();
    void stop();

private:
    void beat();

    std::function<std::string()> status_;
    std::function<void(std::function<void()>)> ask_all_;
    boost::asio::steady_timer timer_;
    std::chrono::microseconds interval_{};
    bool is_watched_ = false;
};

} // namespace milter::daemon
