// Many deadlines, one timer: arm and disarm by key, one callback when a key's time has come. Arming later or
// disarming costs no system call. On the thread of its io_context only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::io {

namespace asio = boost::asio;

class deadlines {
public:
    using key = std::uint32_t;
    using on_passed = std::function<void(key)>;

    deadlines(asio::io_context& context, on_passed passed);
    ~deadlines();

    // A key that is armed already is moved.
    void arm(key which, std::chrono::milliseconds from_now);
    void arm_at(key which, std::chrono::steady_clock::time_point at);
    void disarm(key which);
    // No callback after this.
    void stop();

private:
    struct state;
    std::shared_ptr<state> state_;
};

} // namespace milter::io
