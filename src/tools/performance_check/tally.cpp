#include "tools/performance_check/tally.hpp"

#include <algorithm>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::performance_check {

namespace {

constexpr std::size_t slowest_shown = 10;
constexpr std::size_t most_files_listed = 100'000;
constexpr std::size_t most_texts = 1'000;
constexpr char const* row = "{:>8} {:>5} {:>7} {:>6} {:>6} {:>6} {:>5} {:>5} {:>5}\n";

std::string in_seconds(char const* name, seconds time) {
    return fmt::format("{:>13}: {:6.2f} (sec)\n", name, time.count());
}

double share(std::uint64_t part, std::uint64_t of) {
    return of == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(of);
}

std::string listed(char const* title, std::vector<std::string> const& files) {
    if (files.empty()) return "";
    auto text = fmt::format("{}\n", title);
    for (auto const& one : files)
        text += one + "\n";
    return text + "\n";
}

double per_second(std::uint64_t count, seconds time) {
    return time.count() > 0 ? static_cast<double>(count) / time.count() : 0.0;
}

} // namespace

void tally::figures::add(finished_mail const& one) {
    most = std::max(most, one.took);
    least = mails == 0 ? one.took : std::min(least, one.took);
    sum += one.took;
    ++mails;
    ++by_result[static_cast<std::size_t>(one.ended.what)];
}

void tally::add(finished_mail const& one) {
    std::lock_guard const hold(mutex_);
    all_.add(one);
    since_last_.add(one);
    if (one.ended.what != result::sent) {
        std::pair const key(one.ended.what, one.ended.text);
        if (failures_.size() < most_texts || failures_.contains(key)) ++failures_[key];
    }
    if (one.name.empty()) return;
    slowest_.emplace(one.took, one.name);
    if (slowest_.size() > slowest_shown) slowest_.erase(std::prev(slowest_.end()));
    if (one.ended.what == result::reject && rejected_.size() < most_files_listed)
        rejected_.push_back(one.name);
    if (one.ended.what == result::temporary_failure && temporary_.size() < most_files_listed)
        temporary_.push_back(one.name);
}

std::string tally::report(seconds elapsed, bool failures) const {
    std::lock_guard const hold(mutex_);
    std::string text;
    for (auto const& [took, name] : slowest_)
        text += fmt::format("{:5.2f} (sec): {}\n", took.count(), name);
    if (!slowest_.empty()) text += "\n";
    text += listed("Rejected mails:", rejected_) + listed("Temporary failed mails:", temporary_);
    text +=
        fmt::format("Total:\n{:>13}: {:6}\n", "N mails", all_.mails) + in_seconds("Elapsed time", elapsed);
    text += fmt::format("{:>13}: {:6.2f} (mails/sec)\n\nPer mail:\n", "Throughput",
                        per_second(all_.mails, elapsed));
    auto const average = all_.mails == 0 ? seconds{} : all_.sum / static_cast<double>(all_.mails);
    text += in_seconds("Max", all_.most) + in_seconds("Min", all_.least) + in_seconds("Average", average);
    text += "\nStatus:\n";
    constexpr std::pair<char const*, result> kinds[] = {{"Temporary failure", result::temporary_failure},
                                                        {"Reject", result::reject},
                                                        {"Error", result::error}};
    for (auto const& [name, what] : kinds) {
        auto const count = all_.by_result[static_cast<std::size_t>(what)];
        text += fmt::format("{:>18}: {:3} ({:6.2f}%)\n", name, count, share(count, all_.mails));
    }
    if (!failures) return text;
    constexpr std::pair<char const*, result> titles[] = {{"Temporary failures:", result::temporary_failure},
                                                         {"Rejects:", result::reject},
                                                         {"Errors:", result::error}};
    text += "\n";
    for (auto const& [title, what] : titles) {
        text += fmt::format("{}\n", title);
        for (auto const& [which, count] : failures_)
            if (which.first == what) text += fmt::format("  {} {}\n", count, which.second);
    }
    return text;
}

std::string tally::json(seconds elapsed) const {
    namespace js = boost::json;
    std::lock_guard const hold(mutex_);
    auto const of = [this](result what) { return all_.by_result[static_cast<std::size_t>(what)]; };
    js::object texts;
    for (auto const& [which, count] : failures_)
        texts[which.second] = count;
    auto const average = all_.mails == 0 ? seconds{} : all_.sum / static_cast<double>(all_.mails);
    js::object const all{{"mails", all_.mails},
                         {"elapsed_s", elapsed.count()},
                         {"mails_per_s", per_second(all_.mails, elapsed)},
                         {"max_s", all_.most.count()},
                         {"min_s", all_.least.count()},
                         {"average_s", average.count()},
                         {"sent", of(result::sent)},
                         {"temporary_failure", of(result::temporary_failure)},
                         {"reject", of(result::reject)},
                         {"error", of(result::error)},
                         {"failures", std::move(texts)}};
    return js::serialize(all) + "\n";
}

std::string tally::head() {
    return fmt::format(fmt::runtime(row), "Time", "Sent", "mails/s", "Max(s)", "Min(s)", "Avg(s)", "4XX",
                       "5XX", "Error");
}

std::string tally::line(seconds since_last, std::string const& time_text) {
    std::lock_guard const hold(mutex_);
    auto const now = std::exchange(since_last_, {});
    auto const of = [&now](result what) { return now.by_result[static_cast<std::size_t>(what)]; };
    auto const average = now.mails == 0 ? 0.0 : now.sum.count() / static_cast<double>(now.mails);
    auto const two = [](double value) { return fmt::format("{:.2f}", value); };
    return fmt::format(fmt::runtime(row), time_text, now.mails, two(per_second(now.mails, since_last)),
                       two(now.most.count()), two(now.least.count()), two(average),
                       of(result::temporary_failure), of(result::reject), of(result::error));
}

} // namespace milter::tools::performance_check
