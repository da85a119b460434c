// Numbers from a seed, the same on every machine; a mix of a seed with text for answers that depend on what
// was asked. Must never take anything from clock or environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace milter::oracle {

constexpr std::uint64_t stir(std::uint64_t x) { // splitmix64
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31U);
}

inline std::uint64_t mix(std::uint64_t seed, std::string_view text) {
    std::uint64_t sum = seed ^ 0xCBF29CE484222325U;
    for (char const c : text)
        sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    return stir(sum);
}

class dice {
public:
    explicit dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15U;
        return stir(state_);
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
    bool percent(unsigned chance) { return below(100) < chance; }
    // One of an array.
    template <class Array>
    auto const& of(Array const& choices) {
        return choices[below(choices.size())];
    }

private:
    std::uint64_t state_;
};

} // namespace milter::oracle
