#include "daemon/capacity.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>

#include <sys/resource.h>

namespace milter::daemon {

namespace {

using observe::level;

// Besides sessions: the log, Ruby, listeners, clients of the controller and of the figures, a reload at work.
constexpr std::uint64_t of_the_process = 48;
constexpr std::uint64_t of_a_worker = 12; // its loop, its listeners, its questions to name servers
constexpr std::uint64_t of_a_session = 2; // the MTA's connection, a body that has outgrown memory

std::uint64_t descriptors_allowed() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
    return limit.rlim_cur;
}

} // namespace

unsigned worker_count(config::snapshot const& running) {
    auto const wanted = running.fixed.n_workers;
    return wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

proxy::admission::limits capacity_of(config::snapshot const& running) {
    auto const& children = running.live.policy.children;
    proxy::admission::limits by{.sessions = running.live.max_connections,
                                .descriptors_each = of_a_session + children.size()};
    auto const all = descriptors_allowed();
    if (all == 0) return by;
    std::uint64_t each_worker = of_a_worker;
    for (auto const& one : children)
        each_worker += one.pool_size;
    auto const others = of_the_process + worker_count(running) * each_worker;
    by.descriptors = all > others ? all - others : 1;
    return by;
}

void say_capacity(config::snapshot const& running, proxy::admission::limits const& by, observe::log& log) {
    if (by.descriptors == 0) return;
    auto const fit = std::max<std::uint64_t>(1, by.descriptors / by.descriptors_each);
    bool const enough = running.live.max_connections <= fit;
    log.event(enough ? level::info : level::warning, "capacity",
              {{"count", std::to_string(fit)}, {"descriptors", std::to_string(descriptors_allowed())}},
              enough ? "so many sessions fit at once; further clients wait"
                     : "fewer sessions fit than manager.max_connections allows; raise "
                       "manager.max_file_descriptors");
}

} // namespace milter::daemon
