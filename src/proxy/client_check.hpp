// Asks the connection checkers of a configuration whether a session's client is still there (configuration
// 9): the kernel's table, and blocks in a Ruby worker. Who fails, or is late, says that it is; what follows
// is the core's business.
#pragma once

#include "core/policy.hpp"
#include "core/question.hpp"
#include "proxy/report.hpp"
#include "proxy/ruby_workers.hpp"
#include "proxy/socket_table.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>

namespace milter::proxy {

// The checkers of one load.
struct client_checkers {
    // Those in Ruby: each a question, and a child with the checker's name.
    std::shared_ptr<core::policy const> blocks;
    std::shared_ptr<ruby_workers> ruby;  // nothing: nobody can be asked
    std::shared_ptr<socket_table> table; // nothing when there is no native one
    std::string table_name;              // of the checker that is the table
};

// The two ends of the MTA's connection to us.
struct mta_ends {
    core::client mta;
    core::client us;

    bool on_this_host() const;
};
// socket: connected.
mta_ends ends_of(int socket);

class client_check {
public:
    // by: nothing when there are no checkers. to: outlives it.
    client_check(std::shared_ptr<client_checkers const> by, mta_ends ends, report& to,
                 std::shared_ptr<boost::asio::io_context> context)
        : by_(std::move(by)), ends_(std::move(ends)), report_(to), context_(std::move(context)) {}

    // told: called once, on the context and never from inside, unless `asker` is gone by then; it holds what
    // this is a part of.
    void ask(core::question const& what, std::weak_ptr<void> const& asker,
             std::function<void(bool gone)> told);
    // The checker that has missed the client; "" so far.
    std::string const& missed_by() const { return missed_by_; }

private:
    struct round;
    void ask_table(core::client const& client, std::weak_ptr<void> const& asker,
                   std::shared_ptr<round> const& one);
    void ask_blocks(core::question const& what, std::weak_ptr<void> const& asker,
                    std::shared_ptr<round> const& one);
    void heard(core::child_index checker, ruby_answer const& got, round& one);
    void answered(round& one, std::string const& gone_by);

    std::shared_ptr<client_checkers const> by_;
    mta_ends ends_;
    report& report_;
    std::shared_ptr<boost::asio::io_context> context_;
    std::string missed_by_;
    std::set<core::child_index> failed_; // and have been told of
    bool told_no_port_ = false;
};

} // namespace milter::proxy
