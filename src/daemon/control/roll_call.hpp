// The running sessions of all worker threads, gathered on the main thread: who does not answer in time is
// left out, and that is said. Never waits for a worker, and never holds more than it was asked for.
#pragma once

#include "proxy/sight.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::daemon::control {

class roll_call : public std::enable_shared_from_this<roll_call> {
public:
    struct result {
        std::vector<proxy::sight> sessions; // the oldest, in order of their numbers
        std::size_t silent = 0;             // workers that have not answered in time
    };
    using on_result = std::function<void(result)>;

    // tell: once, on that context, from a handler.
    roll_call(boost::asio::io_context& main, std::size_t workers, std::size_t most, on_result tell);

    void begin(std::chrono::milliseconds patience);
    // From one worker; on the thread of the context.
    void answered(std::vector<proxy::sight> some);

private:
    void finish();

    boost::asio::steady_timer patience_;
    std::size_t missing_;
    std::size_t most_;
    std::vector<proxy::sight> all_;
    on_result tell_;
};

} // namespace milter::daemon::control
