// The new side of `--replace`: takes the listening sockets of the program that runs, and tells it when this
// one serves. Blocks, each time for a limited time; must never change anything for the one that runs before
// that.
#pragma once

#include "config/snapshot.hpp"
#include "daemon/listeners.hpp"

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

class predecessor {
public:
    // Its sockets are added to `to`. The error says who does not answer, and where.
    static tl::expected<predecessor, std::string> of(config::snapshot const& configuration,
                                                     inherited_sockets& to);

    // This process serves on the sockets of these names; afterwards the other one does not take connections
    // any more. The error: it refuses, and this process has to end. One that has vanished is no error.
    tl::expected<void, std::string> leave(std::vector<std::string> names);

private:
    explicit predecessor(io::descriptor connection) : connection_(std::move(connection)) {}

    io::descriptor connection_;
};

} // namespace milter::daemon
