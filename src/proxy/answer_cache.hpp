// What name servers have said, for as long as they said that it holds; failures are never in it. Holds a
// bounded number of answers. Knows no clock: whoever asks says what time it is.
#pragma once

#include "proxy/dns_channel.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>

namespace milter::proxy {

class answer_cache {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // About 300 bytes each, so 6 MB a worker thread; four lists are then remembered for 5000 clients.
    static constexpr std::size_t usual_limit = 20'000;

    explicit answer_cache(std::size_t most = usual_limit) : most_(most) {}
    answer_cache(answer_cache const&) = delete;
    answer_cache& operator=(answer_cache const&) = delete;

    // The view is valid until the next store().
    dns_answer const* find(std::string const& key, time_point now) const;
    // Replaces an earlier one. Failures, and what holds for no time, are not kept. When it is full, what ends
    // first goes.
    void store(std::string const& key, dns_answer const& said, time_point now);
    std::size_t size() const { return entries_.size(); }

private:
    struct entry;
    using ends = std::multimap<time_point, std::string const*>;
    struct entry {
        dns_answer said;
        ends::iterator end;
    };
    void remove_first();

    std::size_t most_;
    std::unordered_map<std::string, entry> entries_;
    ends ends_; // to the keys of entries_
};

} // namespace milter::proxy
