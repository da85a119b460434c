#include "tools/log_analyzer/tables.hpp"

#include "tools/log_analyzer/verdict_headers.hpp"

#include <algorithm>
#include <array>

namespace milter::tools::log_analyzer {

namespace {

constexpr std::int64_t minutes_a_day = 24 * 60;
// A peer of the log (whoever may write to it) must not fill the memory with names.
constexpr std::size_t most_milters = 200;

enum session_source { smtp, child, disconnected, concurrent };
constexpr std::array<std::string_view, 4> session_sources{"smtp", "child", "disconnected", "concurrent"};
constexpr std::array<std::string_view, 9> milter_sources{
    "pass", "accept", "reject", "discard", "temporary_failure", "quarantine", "abort", "error", "stop"};
// A session does not "stop".
constexpr std::span<std::string_view const> status_sources{milter_sources.data(), milter_sources.size() - 1};

std::string file_name(std::string_view prefix, std::string_view milter) {
    std::string name(prefix);
    for (char const one : milter) {
        bool const plain = (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') ||
                           (one >= '0' && one <= '9') || one == '-' || one == '_' || one == '.';
        name += plain ? one : '_';
    }
    return name;
}

} // namespace

void table::add(minute when, std::size_t source) {
    ++cell(when, source);
}

void table::raise(minute when, std::size_t source, std::uint32_t to) {
    auto& now = cell(when, source);
    now = std::max(now, to);
}

std::uint32_t& table::cell(minute when, std::size_t source) {
    auto& day = days_[when / minutes_a_day];
    if (day.empty()) day.resize(static_cast<std::size_t>(minutes_a_day) * sources_.size());
    return day[static_cast<std::size_t>(when % minutes_a_day) * sources_.size() + source];
}

std::span<std::uint32_t const> table::row(minute when) const {
    static constexpr std::array<std::uint32_t, report_sources.size()> nothing{};
    auto const day = days_.find(when / minutes_a_day);
    if (day == days_.end()) return std::span(nothing).first(sources_.size());
    return std::span(day->second)
        .subspan(static_cast<std::size_t>(when % minutes_a_day) * sources_.size(), sources_.size());
}

table::figures table::of(std::size_t source) const {
    figures all;
    for (auto const& [day, rows] : days_) {
        for (std::size_t at = source; at < rows.size(); at += sources_.size()) {
            all.total += rows[at];
            all.most = std::max(all.most, rows[at]);
        }
    }
    return all;
}

tables::tables(minute unfinished)
    : unfinished_(unfinished), sessions_(session_sources), status_(status_sources), report_(report_sources) {}

tables::~tables() = default;

void tables::count(logged const& one) {
    auto const when = one.when / 60;
    if (one.when < 0 || when >= unfinished_) return;
    auto const& what = one.what;
    switch (what.what) {
    case event::kind::session_end:
        sessions_.add(when, smtp);
        count_status(status_, what.status, when);
        break;
    case event::kind::session_disconnected:
        sessions_.add(when, disconnected);
        break;
    case event::kind::milter_end:
        sessions_.add(when, child);
        count_status(known(what.milter).status, what.status, when);
        break;
    case event::kind::milter_header:
        count_header(what, when);
        break;
    case event::kind::reply:
        count_status(status_, what.status, when);
        break;
    case event::kind::abort:
        count_status(status_, "abort", when);
        break;
    case event::kind::sessions:
        sessions_.raise(when, concurrent, what.running);
        break;
    }
    first_ = std::min(first_.value_or(when), when);
    last_ = std::max(last_.value_or(when), when);
    ++counted_;
}

void tables::count_status(table& in, std::string_view status, minute when) {
    if (status == "temporary-failure") status = "temporary_failure";
    auto const found = std::ranges::find(in.sources(), status);
    if (found != in.sources().end()) in.add(when, static_cast<std::size_t>(found - in.sources().begin()));
}

void tables::count_header(event const& what, minute when) {
    auto const found = find_in(what.name, what.value);
    auto& milter = known(what.milter);
    for (std::size_t source = 0; source < found.size(); ++source) {
        if (!found[source]) continue;
        report_.add(when, source);
        milter.report.add(when, source);
    }
}

tables::of_milter& tables::known(std::string_view name) {
    if (auto const found = by_name_.find(name); found != by_name_.end()) return found->second;
    if (milters_.size() == most_milters && name != "others") return known("others");
    milters_.emplace_back(name);
    return by_name_.emplace(std::string(name), of_milter{table(milter_sources), table(report_sources)})
        .first->second;
}

void tables::each(std::function<void(std::string const&, table const&)> const& visit) const {
    visit("session", sessions_);
    visit("milter-manager.status", status_);
    visit("milter-manager.report", report_);
    for (auto const& name : milters_) {
        auto const& one = by_name_.find(name)->second;
        visit(file_name("milter.status.", name), one.status);
        visit(file_name("milter.report.", name), one.report);
    }
}

} // namespace milter::tools::log_analyzer
