// Many sessions: so many in all, so many at the same time, so many begun a second. Knows nothing of what a
// session does. On the thread of its io_context only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::tools::test_server {

struct pace {
    std::size_t total = 1;
    std::size_t at_a_time = 1;
    double per_second = 0; // 0 = as fast as it goes
};

class crowd {
public:
    // Begins session `number` (from 0) and returns it; over is called once, by it, when it has ended.
    using starter = std::function<std::shared_ptr<void>(std::size_t number, std::function<void()> over)>;

    crowd(boost::asio::io_context& context, pace how, starter start);
    void begin();

private:
    void start_more();
    bool is_due() const;

    boost::asio::io_context& context_;
    pace how_;
    starter start_;
    boost::asio::steady_timer next_;
    std::chrono::steady_clock::time_point began_;
    std::size_t started_ = 0;
    std::map<std::size_t, std::shared_ptr<void>> running_;
};

} // namespace milter::tools::test_server
