#include "tools/test_server/crowd.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace milter::tools::test_server {

namespace {

using clock = std::chrono::steady_clock;

clock::time_point start_of(std::size_t number, double per_second, clock::time_point began) {
    auto const after = std::chrono::duration<double>(static_cast<double>(number) / per_second);
    return began + std::chrono::duration_cast<clock::duration>(after);
}

} // namespace

crowd::crowd(boost::asio::io_context& context, pace how, starter start)
    : context_(context), how_(how), start_(std::move(start)), next_(context) {}

void crowd::begin() {
    began_ = clock::now();
    start_more();
}

bool crowd::is_due() const {
    return how_.per_second <= 0 || start_of(started_, how_.per_second, began_) <= clock::now();
}

// A session that is late for want of a place begins as soon as there is one.
void crowd::start_more() {
    while (started_ < how_.total && running_.size() < how_.at_a_time && is_due()) {
        auto const number = started_++;
        // Not inside its own call: it is given up there.
        auto const over = [this, number] {
            boost::asio::post(context_, [this, number] {
                running_.erase(number);
                start_more();
            });
        };
        running_[number] = nullptr;
        running_[number] = start_(number, over);
    }
    if (started_ == how_.total || running_.size() == how_.at_a_time) return;
    next_.expires_at(start_of(started_, how_.per_second, began_));
    next_.async_wait([this](boost::system::error_code failed) {
        if (!failed) start_more();
    });
}

} // namespace milter::tools::test_server
