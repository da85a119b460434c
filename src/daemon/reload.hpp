// Follows the configuration files while the process serves (configuration 1.3): evaluate, parse, compare,
// then swap; whatever fails keeps what is in force, and says everything that is wrong. Everything on the main
// thread but the evaluation, which nobody waits for.
#pragma once

#include "config/complaint.hpp"
#include "config/difference.hpp"
#include "config/snapshot.hpp"
#include "daemon/load.hpp"
#include "daemon/options.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::daemon {

using shared_snapshot = std::shared_ptr<config::snapshot const>;

class reload {
public:
    // Makes it the configuration of new sessions, then calls `done` on the main thread.
    using put_in_force =
        std::function<void(shared_snapshot const&, proxy::ruby_process, std::function<void()> done)>;
    // What can fail at a configuration besides its evaluation: sockets. Without any effect so far.
    struct preparation {
        std::function<std::vector<config::complaint>(config::snapshot const&)> begin;
        std::function<void()> give_up;
    };

    // main, log, figures: outlive it. by: the command line, which wins over the files again.
    reload(boost::asio::io_context& main, options by, observe::log& log, shared_snapshot running,
           observe::process_meter& figures, preparation prepare, put_in_force swap);

    // What has become of one: with complaints, nothing has changed.
    struct outcome {
        std::vector<config::complaint> complaints;
        std::vector<config::change> changes;
    };
    using on_outcome = std::function<void(outcome const&)>;

    // Reads the files again; while that is under way: once more afterwards. tell: when that has ended, also
    // by stop().
    void ask(on_outcome tell = {});
    shared_snapshot const& running() const { return running_; }
    // Gives up what is under way; nothing changes any more. So does the destruction.
    void stop();

private:
    void begin();
    void loaded(daemon::loaded what);
    void refuse(std::vector<config::complaint> const& complaints);
    void apply(config::snapshot fresh, proxy::ruby_process ruby);
    void done(outcome const& what);
    void tell_all(outcome const& what);

    boost::asio::io_context& main_;
    options by_;
    observe::log& log_;
    shared_snapshot running_;
    observe::process_meter& figures_;
    preparation prepare_;
    put_in_force swap_;
    bool under_way_ = false;
    bool again_ = false;
    bool stopped_ = false;
    std::vector<on_outcome> waiting_; // for the end of the one under way
    std::vector<on_outcome> next_;    // for the one after it
    std::jthread evaluation_;
};

} // namespace milter::daemon
