// One client of the control socket: reads until there is a request, has it carried out, writes the answer,
// and only then reads on; so what it can make us hold is one request and one answer.
#pragma once

#include "daemon/control/server.hpp"

#include <array>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

namespace milter::daemon::control {

// Held by shared_ptr; pending operations keep it alive.
class client : public std::enable_shared_from_this<client> {
public:
    client(server& of, io::stream_socket from);

    void start();
    // Its request is being carried out.
    bool busy() const { return busy_; }
    // The server does not know it any more; no further callback.
    void close();

private:
    void go_on();
    void read();
    void carry_out(request what);
    void write(std::string bytes, bool last);
    void wait_at_most(std::chrono::milliseconds time);
    void end();

    server* of_; // nothing when it is closed
    io::stream_socket socket_;
    boost::asio::steady_timer patience_;
    asker who_;
    request_reader requests_;
    std::array<char, 4096> buffer_{};
    std::string answer_;
    bool busy_ = false;
};

} // namespace milter::daemon::control
