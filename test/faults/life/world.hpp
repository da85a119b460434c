// What the peers of a long life share: the thread's context, the clocks, and the book of what has happened in
// which session, which is judged in the end. Must never decide what a peer does.
#pragma once

#include "faults/life/plan.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::life {

namespace asio = boost::asio;
using std::chrono::milliseconds;

struct mail_result {
    char stage = '-';         // of the answer that ended it
    char letter = '-';        // that answer
    std::uint8_t headers = 0; // whose field was added, a bit each
    bool body_right = true;
    friend bool operator==(mail_result const&, mail_result const&) = default;
};

// One session, as both sides of the daemon have seen it.
struct record {
    std::uint8_t seen = 0;  // children that were told of its client, a bit each
    std::uint8_t fired = 0; // children that have failed in it as planned
    bool complete = false;  // the MTA has said all that it had to say
    mail_result greeting;   // when connect or helo was refused
    std::vector<mail_result> mails;
    std::string letters; // all that the MTA was answered, each once
};

struct world {
    asio::io_context& context;
    std::uint64_t seed;
    milliseconds patience;      // of the daemon with a child
    milliseconds deaf_for;      // longer than all patience of the daemon
    std::vector<record> book{}; // by the number of the session
    std::array<std::size_t, fault_names.size()> faults{};
    std::array<std::size_t, manner_names.size()> manners{};
    std::array<std::size_t, cast.size()> failed_offers{};
    std::vector<std::string> wrong{};
    std::size_t open_conversations = 0;

    // Keeps its socket open without ever reading from it, for deaf_for.
    void go_deaf(int socket);
    // Its close will be a reset, where the socket knows such a thing.
    static void reset_at_close(int socket);
};

} // namespace milter::life
