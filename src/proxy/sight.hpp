// A running session as it is shown to an operator: plain values, safe to pass to another thread. Nothing of
// it is escaped or cut; whoever prints it does so.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace milter::proxy {

struct sight {
    std::uint64_t session = 0; // its number, as in the log
    std::chrono::milliseconds age{0};
    std::string_view stage; // the last command of the MTA, a word of the log
    std::string client;     // address; "" before connect
    std::string host;
    std::string sender;
    std::string queue_id;
    std::string_view waits;            // for "mta", "children" or "conditions"
    std::vector<std::string> children; // that it waits for
};

} // namespace milter::proxy
