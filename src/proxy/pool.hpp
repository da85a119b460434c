// Connections to children that are kept connected and negotiated for coming sessions (chain V.5), one pool a
// worker thread. A session that finds none makes its own: nothing ever waits for the pool, and nothing but
// the offer is said on its connections.
#pragma once

#include "core/policy.hpp"
#include "observe/log.hpp"
#include "proxy/warm_line.hpp"
#include "wire/command.hpp"

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace milter::proxy {

class pool {
public:
    pool(boost::asio::io_context& context, observe::log& log);
    ~pool();
    pool(pool const&) = delete;
    pool& operator=(pool const&) = delete;

    // The children from now on, in place of those of the last call: connections to others are dropped, and
    // sessions that still know them make their own.
    void serve(std::vector<core::child_policy> const& children);

    struct connection {
        std::shared_ptr<io::line> line;
        std::string answer; // payload of the child's answer to that offer
    };
    // A session wants a connection to that child, which is going to be offered that; `by` is told by the line
    // from then on. Also says that such connections are in demand: the pool is filled up soon, to
    // child.pool_size. Connections that were offered something else are dropped, and filled up again only
    // when an offer comes twice in a row: MTAs that take turns would cost more than no pool.
    std::optional<connection> take(core::child_policy const& child, wire::negotiate const& offer,
                                   io::line_user& by);
    // Drops all connections; nothing is handed out or filled up any more, and nothing keeps the context busy.
    void stop();
    // Connections that are ready.
    std::size_t ready() const;

private:
    struct shelf { // of one endpoint
        core::child_policy child;
        std::optional<wire::negotiate> offer; // the one seen last
        std::list<std::unique_ptr<warm_line>> lines;
        unsigned failures = 0; // in a row, of filling up
        std::chrono::steady_clock::time_point not_before{};
    };
    void fill_soon(std::string const& name);
    void fill(shelf& one);
    void changed(shelf& of, warm_line& one);
    void failed(shelf& of, warm_line const& one);

    boost::asio::io_context& context_;
    observe::log& log_;
    std::map<std::string, shelf> shelves_; // by endpoint, of the children that have a pool
    bool stopped_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace milter::proxy
