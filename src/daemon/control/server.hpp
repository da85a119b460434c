// The control socket: who may connect, how much one may say, how long one may take. Reads requests and writes
// answers, one at a time for each client, on one io_context that nobody can hold up; carries nothing out.
#pragma once

#include "daemon/control/protocol.hpp"
#include "io/listener.hpp"
#include "observe/log.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace milter::daemon::control {

// Who has asked, as the kernel says.
struct asker {
    std::string user; // the number; "" when it is not on this host, or not by a unix socket
    std::string pid;
    std::string endpoint; // of a client by TCP: its address
};

struct limits {
    std::size_t clients = 16; // the descriptors for them are part of what daemon/capacity keeps back
    // From one request (or the connection) to the end of the next; not while it is carried out.
    std::chrono::milliseconds idle{60'000};
    std::chrono::milliseconds writing{10'000}; // of one answer
};

class client;

class server {
public:
    using reply = std::function<void(answer)>; // once; later than the client's end it has no effect
    using carry_out = std::function<void(request, asker const&, reply)>;

    server(boost::asio::io_context& context, observe::log& log, limits at_most, carry_out perform);
    ~server();

    // Accepts there from now on, and nowhere else. Takes over the descriptor; -1: nowhere.
    void listen(int descriptor);
    // Ends all clients, after the answers that are already made, as far as they take them at once.
    void stop();

private:
    friend class client;
    void accepted(io::descriptor from);
    bool make_room();
    void heard(client const& one);
    void over(client const& one);

    boost::asio::io_context& context_;
    observe::log& log_;
    limits limits_;
    carry_out perform_;
    std::unique_ptr<io::listener> listener_;
    std::list<std::shared_ptr<client>> clients_; // who has said something last is the last
};

} // namespace milter::daemon::control
