#include "tools/test_server/tally.hpp"

#include "tools/utf8.hpp"
#include "wire/command.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::test_server {

namespace {

// In the order of a session; what is no stage of it comes before the whole.
constexpr std::string_view stages = "OCHMRTLNBEU";

std::string stage_name(std::size_t place) {
    return place < stages.size() ? std::string(wire::command_name(stages[place])) : "session";
}

struct figures {
    std::size_t count;
    double p50, p90, p99, most; // ms
};

// Nearest rank: a time that occurred.
figures figures_of(std::vector<double> times) {
    std::ranges::sort(times);
    auto const at = [&](double share) {
        auto const rank = std::ceil(share * static_cast<double>(times.size()));
        return 1000 * times[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
    };
    return {times.size(), at(0.5), at(0.9), at(0.99), at(1)};
}

double per_second(std::size_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

} // namespace

void tally::add(std::string_view status, std::string_view failure, timings const& of, double seconds) {
    ++sessions_;
    if (!status.empty()) ++statuses_[std::string(status)];
    if (!failure.empty()) {
        ++failed_;
        ++failures_[std::string(failure)];
    }
    for (auto const& [code, time] : of)
        if (auto const place = stages.find(code); place != stages.npos) times_[place].push_back(time);
    times_[stages.size()].push_back(seconds);
}

std::string tally::report(double seconds) const {
    auto text = fmt::format("sessions: {} in {:.2f} seconds, {:.1f} per second, {} failed\n", sessions_,
                            seconds, per_second(sessions_, seconds), failed_);
    for (auto const& [status, count] : statuses_)
        text += fmt::format("{:>10} {}\n", count, status);
    for (auto const& [failure, count] : failures_)
        text += fmt::format("{:>10} failed: {}\n", count, failure);
    text += fmt::format("\n{:<20}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "stage", "answers", "p50 ms", "p90 ms",
                        "p99 ms", "max ms");
    for (auto const& [place, times] : times_) {
        auto const all = figures_of(times);
        text += fmt::format("{:<20}{:>10}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}\n", stage_name(place),
                            all.count, all.p50, all.p90, all.p99, all.most);
    }
    return text;
}

std::string tally::json(double seconds) const {
    namespace js = boost::json;
    js::object statuses;
    for (auto const& [status, count] : statuses_)
        statuses[status] = count;
    js::object failures;
    for (auto const& [failure, count] : failures_)
        failures[as_utf8(failure)] = count;
    js::object by_stage;
    for (auto const& [place, times] : times_) {
        auto const all = figures_of(times);
        by_stage[stage_name(place)] = js::object{{"answers", all.count},
                                                 {"p50_ms", all.p50},
                                                 {"p90_ms", all.p90},
                                                 {"p99_ms", all.p99},
                                                 {"max_ms", all.most}};
    }
    return js::serialize(js::object{{"sessions", sessions_},
                                    {"failed", failed_},
                                    {"elapsed_s", seconds},
                                    {"sessions_per_s", per_second(sessions_, seconds)},
                                    {"statuses", std::move(statuses)},
                                    {"failures", std::move(failures)},
                                    {"stages", std::move(by_stage)}}) +
           "\n";
}

} // namespace milter::tools::test_server
