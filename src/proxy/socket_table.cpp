#include "proxy/socket_table.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

socket_table::socket_table(std::chrono::milliseconds keep, observe::log& log, look by)
    : keep_(keep), log_(log), look_(std::move(by)) {}

socket_table::~socket_table() {
    thread_.stop();
    thread_.join();
}

tl::expected<std::vector<io::tcp_connection>, std::error_code>
socket_table::by_kernel(io::far_end const* only) {
    return io::tcp_connections(only);
}

void socket_table::ask(io::far_end const& client, std::weak_ptr<void> asker,
                       std::shared_ptr<boost::asio::io_context> back, std::function<void(bool)> told) {
    boost::asio::post(thread_, [this, client, asker = std::move(asker), back = std::move(back),
                                told = std::move(told)]() mutable {
        if (asker.expired()) return;
        bool const gone = is_gone(client);
        auto& context = *back;
        boost::asio::post(context,
                          [back = std::move(back), asker = std::move(asker), gone, told = std::move(told)] {
                              if (auto const alive = asker.lock()) told(gone);
                          });
    });
}

bool socket_table::is_gone(io::far_end const& client) {
    auto const now = std::chrono::steady_clock::now();
    if (!looked_ || now - looked_at_ >= keep_) {
        look_at_all();
        looked_ = true;
        looked_at_ = now;
    }
    if (!known_) return false;
    if (std::binary_search(there_.begin(), there_.end(), client)) {
        seen_any_ = true;
        return false;
    }
    // The look may be older than the connection, and the kernel can pass over one while others come and go.
    auto const again = look_(&client);
    if (!again) {
        cannot_look(again.error());
        return false;
    }
    seen_any_ = seen_any_ || !again->empty();
    if (std::any_of(again->begin(), again->end(), [](auto const& one) { return !one.left; })) return false;
    // An MTA in another network namespace, or behind a proxy: its clients are in no table of ours.
    if (!seen_any_ && !std::exchange(told_blind_, true))
        log_.event(observe::level::warning, "clients_not_seen", {},
                   "no client of the MTA has been found among the connections of this host yet, so a missing "
                   "one counts as connected; is the MTA in a container of its own, or behind a proxy?");
    return seen_any_;
}

void socket_table::look_at_all() {
    auto const all = look_(nullptr);
    known_ = all.has_value();
    there_.clear();
    if (!all) return cannot_look(all.error());
    for (auto const& one : *all)
        if (!one.left) there_.push_back(one.peer);
    std::sort(there_.begin(), there_.end());
}

void socket_table::cannot_look(std::error_code why) {
    if (std::exchange(told_error_, true)) return;
    log_.event(observe::level::warning, "socket_table_unavailable", {{"error", why.message()}},
               "the connection checker \"netstat\" takes every client for connected");
}

} // namespace milter::proxy
