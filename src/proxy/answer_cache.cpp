#include "proxy/answer_cache.hpp"

namespace milter::proxy {

dns_answer const* answer_cache::find(std::string const& key, time_point now) const {
    auto const found = entries_.find(key);
    return found == entries_.end() || found->second.end->first <= now ? nullptr : &found->second.said;
}

void answer_cache::store(std::string const& key, dns_answer const& said, time_point now) {
    if (auto const old = entries_.find(key); old != entries_.end()) {
        ends_.erase(old->second.end);
        entries_.erase(old);
    }
    if (most_ == 0 || said.what == dns_answer::kind::failed || said.holds <= std::chrono::seconds(0)) return;
    while (!ends_.empty() && (ends_.begin()->first <= now || entries_.size() >= most_))
        remove_first();
    auto const made = entries_.emplace(key, entry{said, {}}).first;
    made->second.end = ends_.emplace(now + said.holds, &made->first);
}

void answer_cache::remove_first() {
    auto const first = ends_.begin();
    entries_.erase(*first->second);
    ends_.erase(first);
}

} // namespace milter::proxy
