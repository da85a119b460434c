// Metrics by HTTP: GET and HEAD of /metrics, on a thread of its own, so that nobody who asks can hold up a
// mail or the main thread. Whoever connects is trusted to read, and with nothing else: one request a
// connection, of limited size, time and number.
#pragma once

#include "io/listener.hpp"
#include "observe/log.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>

namespace milter::daemon {

class metrics_server {
public:
    // page: the text of /metrics; called on the server's thread. type: its Content-Type. log: outlives it.
    metrics_server(std::function<std::string()> page, std::string type, observe::log& log);
    // What is being answered is broken off.
    ~metrics_server();
    metrics_server(metrics_server const&) = delete;
    metrics_server& operator=(metrics_server const&) = delete;

    // Accepts there, and nowhere else, from now on; takes the descriptor over. -1: nowhere. From any thread.
    void listen(int descriptor);

private:
    class visit;

    void move_to(int descriptor);
    void accepted(io::descriptor client);

    std::function<std::string()> page_;
    std::string type_;
    observe::log& log_;
    boost::asio::io_context context_{1};
    std::unique_ptr<io::listener> listener_;
    std::list<std::shared_ptr<visit>> visits_; // the oldest first
    std::thread thread_;                       // since the first socket
};

} // namespace milter::daemon
