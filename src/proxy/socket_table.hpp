// Who of the clients is still connected to this host, by the kernel's table of connections (configuration 9):
// one look at the whole table an interval for all sessions, and one more at whoever is missing in it. A
// thread of its own, which nobody waits for. What cannot be known counts as connected.
#pragma once

#include "io/inet_diag.hpp"
#include "observe/log.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

namespace milter::proxy {

class socket_table {
public:
    using look = std::function<tl::expected<std::vector<io::tcp_connection>, std::error_code>(
        io::far_end const* only)>;

    // keep: for how long one look at everything is good. by: how to look; from the thread of the table.
    socket_table(std::chrono::milliseconds keep, observe::log& log, look by = by_kernel);
    ~socket_table();
    socket_table(socket_table const&) = delete;
    socket_table& operator=(socket_table const&) = delete;

    // From any thread. told: called at most once, on that context, unless `asker` is gone by then.
    void ask(io::far_end const& client, std::weak_ptr<void> asker,
             std::shared_ptr<boost::asio::io_context> back, std::function<void(bool gone)> told);

private:
    static tl::expected<std::vector<io::tcp_connection>, std::error_code> by_kernel(io::far_end const* only);
    bool is_gone(io::far_end const& client);
    void look_at_all();
    void cannot_look(std::error_code why);

    std::chrono::milliseconds keep_;
    observe::log& log_;
    look look_;
    std::vector<io::far_end> there_; // sorted
    std::chrono::steady_clock::time_point looked_at_{};
    bool looked_ = false;
    bool known_ = false;      // the last look at all succeeded
    bool seen_any_ = false;   // of the clients that were asked for
    bool told_error_ = false; // both once a load
    bool told_blind_ = false;
    boost::asio::thread_pool thread_{1};
};

} // namespace milter::proxy
