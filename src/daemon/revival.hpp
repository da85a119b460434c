// Brings a Ruby parent back that was lost while its workers were needed: asks for a reload, after pauses that
// grow, until one has taken effect. On the main thread; judges no configuration.
#pragma once

#include "observe/log.hpp"

#include <chrono>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::daemon {

class revival {
public:
    // reload: asks for one; whether it succeeds is told by replaced().
    revival(boost::asio::io_context& main, observe::log& log, std::function<void()> reload);

    // The one of the configuration in force.
    void lost();
    // Another configuration is in force, with a parent of its own.
    void replaced();
    // Nothing follows any more.
    void stop();

private:
    void wait();

    using clock = std::chrono::steady_clock;
    boost::asio::steady_timer timer_;
    observe::log& log_;
    std::function<void()> reload_;
    std::chrono::seconds pause_{1}; // before the next try
    clock::time_point tried_{};     // the last time
    bool missing_ = false;
    bool stopped_ = false;
};

} // namespace milter::daemon
