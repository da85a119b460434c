#include "daemon/in_force.hpp"

#include "config/blocks.hpp"
#include "config/checkers.hpp"
#include "config/detection.hpp"
#include "config/pending.hpp"
#include "daemon/capacity.hpp"
#include "daemon/log_environment.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::daemon {

observe::log_settings log_settings_of(config::snapshot const& running) {
    auto const& from = running.live.log;
    observe::log_settings to;
    if (auto const set = observe::levels::parse(from.level)) to.console = *set;
    to.path = from.path.value_or("");
    to.use_syslog = from.use_syslog;
    to.syslog_facility = from.syslog_facility;
    to.format = from.format == "json" ? observe::log_format::json : observe::log_format::text;
    add_environment(to, running.given);
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

namespace {

// Nothing when nobody asks them.
std::shared_ptr<proxy::client_checkers const> checkers_of(config::snapshot const& running,
                                                          std::shared_ptr<proxy::ruby_workers> const& ruby,
                                                          observe::log& log) {
    auto const interval = running.live.policy.client_check_interval;
    if (interval.count() == 0) return {};
    auto made = std::make_shared<proxy::client_checkers>();
    auto blocks = std::make_shared<core::policy>();
    for (auto const& one : running.hooks.connection_checkers) {
        if (one.native) {
            made->table_name = one.name;
            made->table = std::make_shared<proxy::socket_table>(interval, log);
            continue;
        }
        blocks->questions.push_back({core::ruby_block{one.block}, one.where});
        blocks->children.emplace_back().name = one.name;
    }
    if (!blocks->questions.empty()) made->blocks = std::move(blocks);
    made->ruby = ruby;
    return made;
}

} // namespace

proxy::settings settings_of(std::shared_ptr<config::snapshot const> const& running,
                            std::shared_ptr<proxy::ruby_workers> ruby, observe::log& log) {
    proxy::settings to;
    to.checkers = checkers_of(*running, ruby, log);
    to.ruby = std::move(ruby);
    to.rules = {running, &running->live.policy};
    to.places = capacity_of(*running);
    say_capacity(*running, to.places, log);
    to.suspend_time = running->live.suspend_time_on_unacceptable;
    to.maintenance_interval = running->live.maintenance_interval;
    to.body_memory = running->live.body_memory;
    char const* const temporary = std::getenv("TMPDIR");
    to.spool_directory =
        running->live.spool_directory.value_or(temporary && *temporary ? temporary : "/var/tmp");
    return to;
}

namespace {

// Only programs of this host can connect.
bool is_of_this_host(wire::endpoint const& where) {
    if (where.family == wire::endpoint::kind::unix_socket || where.host == "localhost") return true;
    auto const address = core::parse_address(where.host);
    if (!address) return false;
    constexpr std::uint8_t loopback = 127;
    constexpr std::array<std::uint8_t, 16> loopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return address->v6 ? address->bytes == loopback6 : address->bytes[0] == loopback;
}

} // namespace

void warn_about(config::snapshot const& running, observe::log& log) {
    observe::log_settings looked_at;
    for (auto const& one : add_environment(looked_at, running.given))
        log.event(observe::level::warning, "environment_ignored",
                  {{"setting", one.variable}, {"value", one.value}, {"error", one.error}});
    for (auto const& one : config::without_effect(running))
        log.event(observe::level::warning, "setting_without_effect", {}, one);
    for (auto const& one : config::checker_warnings(running))
        log.event(observe::level::warning, "checker_without_effect", {}, one);
    for (auto const& one : config::detection_warnings(running))
        log.event(observe::level::warning, "detection_skipped", {}, one);
    if (auto const& where = running.sockets.metrics.where; where && !is_of_this_host(*where))
        log.event(observe::level::warning, "metrics_public", {{"endpoint", where->text()}},
                  "whoever can connect can read them");
}

} // namespace milter::daemon
