#include "observe/meters.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace milter::observe {

void histogram::add(microseconds took) noexcept {
    auto const bucket = std::ranges::lower_bound(bounds_us, took.count()) - bounds_us.begin();
    counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(took.count(), std::memory_order_relaxed);
}

histogram::reading histogram::read() const {
    reading now;
    for (std::size_t i = 0; i < counts_.size(); ++i)
        now.counts[i] = counts_[i].load(std::memory_order_relaxed);
    now.sum = microseconds(sum_us_.load(std::memory_order_relaxed));
    return now;
}

std::uint64_t histogram::reading::count() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::chrono::microseconds histogram::reading::quantile(double share) const {
    auto const rank = share * static_cast<double>(count());
    double below = 0;
    for (std::size_t i = 0; i < bounds_us.size(); ++i) {
        auto const here = static_cast<double>(counts[i]);
        if (here > 0 && below + here >= rank) {
            auto const from = i == 0 ? 0.0 : static_cast<double>(bounds_us[i - 1]);
            auto const width = static_cast<double>(bounds_us[i]) - from;
            return microseconds(std::llround(from + width * (rank - below) / here));
        }
        below += here;
    }
    return microseconds(count() == 0 ? 0 : bounds_us.back());
}

histogram::reading& histogram::reading::operator+=(reading const& other) {
    for (std::size_t i = 0; i < counts.size(); ++i)
        counts[i] += other.counts[i];
    sum += other.sum;
    return *this;
}

} // namespace milter::observe
