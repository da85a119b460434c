#include "daemon/control/roll_call.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace milter::daemon::control {

roll_call::roll_call(boost::asio::io_context& main, std::size_t workers, std::size_t most, on_result tell)
    : patience_(main), missing_(workers), most_(most), tell_(std::move(tell)) {}

void roll_call::begin(std::chrono::milliseconds patience) {
    patience_.expires_after(patience);
    patience_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec) self->finish();
    });
}

void roll_call::answered(std::vector<proxy::sight> some) {
    if (!tell_) return; // too late
    std::move(some.begin(), some.end(), std::back_inserter(all_));
    if (--missing_ == 0) finish();
}

void roll_call::finish() {
    if (!tell_) return;
    patience_.cancel();
    std::sort(all_.begin(), all_.end(),
              [](auto const& one, auto const& other) { return one.session < other.session; });
    if (all_.size() > most_) all_.resize(most_);
    std::exchange(tell_, nullptr)({std::move(all_), missing_});
}

} // namespace milter::daemon::control
