// Follows the configuration files while the process serves (configuration 1.3): evaluate, parse, compare,
// then swap; whatever fails keeps what is in force, and says everything that is wrong. Everything on the main
// thread but the evaluation, which nobody waits for.
#pragma once

#include "config/snapshot.hpp"
#include "daemon/load.hpp"
#include "daemon/options.hpp"
#include "observe/log.hpp"

#include <functional>
#include <memory>
#include <thread>

#include <boost/asio/io_context.hpp>

namespace milter::daemon {

using shared_snapshot = std::shared_ptr<config::snapshot const>;

class reload {
public:
    // Makes it the configuration of new sessions, then calls `done` on the main thread.
    using put_in_force =
        std::function<void(shared_snapshot const&, proxy::ruby_process, std::function<void()> done)>;

    // main, log: outlive it. by: the command line, which wins over the files again.
    reload(boost::asio::io_context& main, options by, observe::log& log, shared_snapshot running,
           put_in_force swap);

    // Reads the files again; while that is under way: once more afterwards.
    void ask();
    // Gives up what is under way; nothing changes any more. So does the destruction.
    void stop();

private:
    void begin();
    void loaded(daemon::loaded what);
    void refuse(std::vector<config::complaint> const& complaints);
    void apply(config::snapshot fresh, proxy::ruby_process ruby);
    void done();

    boost::asio::io_context& main_;
    options by_;
    observe::log& log_;
    shared_snapshot running_;
    put_in_force swap_;
    bool under_way_ = false;
    bool again_ = false;
    bool stopped_ = false;
    std::jthread evaluation_;
};

} // namespace milter::daemon
