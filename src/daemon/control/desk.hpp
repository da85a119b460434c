// Carries out what is asked on the control socket, on the house that it serves. Everything on the main thread
// but the judging of a custom configuration; never waits for anybody there.
#pragma once

#include "daemon/control/protocol.hpp"
#include "daemon/control/server.hpp"
#include "daemon/options.hpp"
#include "daemon/reload.hpp"
#include "observe/log.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/io_context.hpp>

namespace milter::daemon {
class house;
}

namespace milter::daemon::control {

class desk {
public:
    // All outlive it.
    desk(boost::asio::io_context& main, observe::log& log, options const& by, house& of);
    ~desk();

    // Serves there from now on; takes over the descriptor, -1: nowhere.
    void listen(int descriptor) { server_.listen(descriptor); }
    // Nobody is served any more.
    void stop();

private:
    void carry_out(request what, asker const& who, server::reply tell);
    void note(request const& what, asker const& who);
    void show_sessions(request const& what, server::reply tell);
    void load_again(request const& what, server::reply tell);
    void end(request const& what, server::reply const& tell);
    void leave_out(request const& what, bool out, server::reply tell);
    void save(std::string xml, server::reply tell);
    answer set_log_level(std::string const& level);
    answer status() const;
    answer explain(std::string const& message) const;
    answer current_log_level() const;
    std::string log_level() const;

    boost::asio::io_context& main_;
    observe::log& log_;
    options const& by_;
    house& house_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    server server_;
    bool saving_ = false;
    std::jthread judge_;
};

} // namespace milter::daemon::control
