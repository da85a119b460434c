#include "proxy/admission.hpp"

#include <utility>

namespace milter::proxy {

admission::answer admission::take(limits const& by) {
    std::lock_guard const guard(mutex_);
    bool const crowded = by.sessions > 0 && sessions_ >= by.sessions;
    bool const short_of = by.descriptors > 0 && descriptors_ + by.descriptors_each > by.descriptors;
    if (sessions_ > 0 && (crowded || short_of)) {
        refused_ = true;
        return crowded ? answer::too_many_sessions : answer::too_few_descriptors;
    }
    ++sessions_;
    descriptors_ += by.descriptors_each;
    return answer::yes;
}

bool admission::give_back(limits const& by, bool ended) {
    std::lock_guard const guard(mutex_);
    --sessions_;
    descriptors_ -= by.descriptors_each;
    bool const at_an_end = ended && std::exchange(waits_for_end_, false);
    return std::exchange(refused_, false) || at_an_end;
}

void admission::tell_at_an_end() {
    std::lock_guard const guard(mutex_);
    waits_for_end_ = true;
}

bool admission::waits() {
    std::lock_guard const guard(mutex_);
    if (!std::exchange(episode_, true)) return true;
    waited_ = true;
    return false;
}

bool admission::episode_over() {
    std::lock_guard const guard(mutex_);
    if (std::exchange(waited_, false)) return false;
    episode_ = false;
    return true;
}

} // namespace milter::proxy
