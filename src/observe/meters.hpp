// What is counted where it happens: atomics that any thread may add to, without a lock or an allocation. They
// know neither their name nor their labels; observe/metrics does.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace milter::observe {

class counter {
public:
    void add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

class gauge {
public:
    void add(std::int64_t by) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

// Since when something holds.
class stopwatch {
public:
    void restart() noexcept { since_.store(now(), std::memory_order_relaxed); }
    std::chrono::duration<double> elapsed() const noexcept {
        return std::chrono::steady_clock::duration(now() - since_.load(std::memory_order_relaxed));
    }

private:
    static std::chrono::steady_clock::rep now() {
        return std::chrono::steady_clock::now().time_since_epoch().count();
    }
    std::atomic<std::chrono::steady_clock::rep> since_{now()};
};

// Of times from half a millisecond to five minutes.
class histogram {
public:
    using microseconds = std::chrono::microseconds;

    // The upper ends of the buckets, included; one more bucket is without an end.
    static constexpr std::array<std::int64_t, 18> bounds_us{
        500,       1'000,      2'500,      5'000,      10'000,      25'000,
        50'000,    100'000,    250'000,    500'000,    1'000'000,   2'500'000,
        5'000'000, 10'000'000, 30'000'000, 60'000'000, 120'000'000, 300'000'000};

    // Values of one moment, each exact. Readings can be added up.
    struct reading {
        std::array<std::uint64_t, bounds_us.size() + 1> counts{}; // of each bucket alone
        microseconds sum{0};

        std::uint64_t count() const;
        // The time that `share` (0 to 1) of the values do not exceed, as far as the buckets tell: inside one
        // they count as evenly spread. 0 without values.
        microseconds quantile(double share) const;
        reading& operator+=(reading const& other);
    };

    void add(microseconds took) noexcept;
    reading read() const;

private:
    std::array<std::atomic<std::uint64_t>, bounds_us.size() + 1> counts_{};
    std::atomic<std::int64_t> sum_us_{0};
};

} // namespace milter::observe
