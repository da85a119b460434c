#include "daemon/in_force.hpp"

#include "config/blocks.hpp"
#include "config/detection.hpp"
#include "config/pending.hpp"

#include <cstdlib>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::daemon {

observe::log_settings log_settings_of(config::log_settings const& from) {
    observe::log_settings to;
    if (auto const set = observe::levels::parse(from.level)) to.console = *set;
    to.path = from.path.value_or("");
    to.use_syslog = from.use_syslog;
    to.syslog_facility = from.syslog_facility;
    return to;
}

std::shared_ptr<proxy::ruby_workers> workers_of(config::snapshot const& running, proxy::ruby_process ruby,
                                                bool dropped_root, observe::log& log,
                                                boost::asio::thread_pool& afterwards) {
    if (!ruby.control || !config::runs_blocks(running)) return {};
    std::vector<core::question_source> maintained;
    for (auto const& one : running.hooks.maintained)
        maintained.push_back({core::ruby_block{one.block}, one.where});
    auto made = std::make_unique<proxy::ruby_workers>(
        std::move(ruby),
        proxy::ruby_workers::settings{.processes = running.live.n_ruby_workers,
                                      .timeout = running.live.worker_timeout,
                                      .dropped_root = dropped_root,
                                      .maintained = std::move(maintained)},
        log);
    auto const elsewhere = [&afterwards](proxy::ruby_workers* over) {
        boost::asio::post(afterwards, [ends = std::unique_ptr<proxy::ruby_workers>(over)] {});
    };
    return {made.release(), elsewhere};
}

proxy::settings settings_of(std::shared_ptr<config::snapshot const> const& running,
                            std::shared_ptr<proxy::ruby_workers> ruby) {
    proxy::settings to;
    to.ruby = std::move(ruby);
    to.rules = {running, &running->live.policy};
    to.max_connections = running->live.max_connections;
    to.maintenance_interval = running->live.maintenance_interval;
    to.body_memory = running->live.body_memory;
    char const* const temporary = std::getenv("TMPDIR");
    to.spool_directory =
        running->live.spool_directory.value_or(temporary && *temporary ? temporary : "/var/tmp");
    return to;
}

void warn_about(config::snapshot const& running, observe::log& log) {
    for (auto const& one : config::without_effect(running))
        log.event(observe::level::warning, "setting_without_effect", {}, one);
    for (auto const& one : config::detection_warnings(running))
        log.event(observe::level::warning, "detection_skipped", {}, one);
}

} // namespace milter::daemon
