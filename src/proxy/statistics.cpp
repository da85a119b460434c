#include "proxy/statistics.hpp"

#include <chrono>
#include <string_view>

#include <fmt/format.h>

namespace milter::proxy {

namespace {

// As C's %g prints seconds.
std::string in_seconds(core::microseconds time) {
    return fmt::format("{:g}", std::chrono::duration<double>(time).count());
}

std::string_view state_of(std::optional<core::stage> at) {
    return at ? core::name_of(*at) : "start";
}

} // namespace

statistics::statistics(observe::log& log, core::policy const& rules, std::uint64_t tag)
    : log_(log), rules_(rules), tag_(tag) {}

void statistics::operator()(core::session_ended const& what) {
    if (!wanted()) return;
    log_.statistics(fmt::format("[session][end][{}][{}][{}]({})", state_of(what.at), what.said,
                                in_seconds(what.after), tag_));
}

void statistics::operator()(core::child_left const& what) {
    if (!wanted()) return;
    log_.statistics(fmt::format("[milter][end][{}][{}][{}]({}): {}", state_of(what.at), what.said,
                                in_seconds(what.after), tag_of(what.child),
                                rules_.children[what.child].name));
}

void statistics::operator()(core::header_told const& what, core::actions const& with) {
    if (!wanted()) return;
    auto const field = fmt::format("<{}>=<{}>", with.bytes(what.name), with.bytes(what.value));
    if (what.by)
        log_.statistics(fmt::format("[milter][header][add]({}): {}: {}", tag_of(*what.by), field,
                                    rules_.children[*what.by].name));
    else
        log_.statistics(fmt::format("[session][header][add]({}): {}", tag_, field));
}

void statistics::operator()(core::quarantine_told const&) {
    if (wanted()) log_.statistics(fmt::format("[reply][end-of-message][quarantine]({})", tag_));
}

void statistics::disconnected(core::microseconds after) {
    if (wanted()) log_.statistics(fmt::format("[session][disconnected][{}]({})", in_seconds(after), tag_));
}

void finished_sessions::tell(observe::log& log, std::uint64_t ended, std::uint64_t running) {
    auto told = told_.load();
    while (told < ended)
        if (told_.compare_exchange_weak(told, ended)) {
            if (!log.wants(observe::level::statistics)) return;
            return log.statistics(
                fmt::format("[sessions][finished] {}(+{}) {}", ended, ended - told, running));
        }
}

} // namespace milter::proxy
