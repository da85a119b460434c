#include "proxy/pool.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

namespace {

using clock = std::chrono::steady_clock;

// How many a shelf makes at once, whatever its size.
constexpr std::ptrdiff_t most_dialling = 2;
// After a failure nothing is made for a second, then for two, ... up to a minute.
constexpr std::chrono::seconds first_rest{1};
constexpr std::chrono::seconds longest_rest{60};

} // namespace

pool::pool(boost::asio::io_context& context, observe::log& log) : context_(context), log_(log) {}

pool::~pool() = default;

void pool::serve(std::vector<core::child_policy> const& children) {
    std::map<std::string, core::child_policy const*> wanted;
    for (auto const& child : children)
        if (child.pool_size > 0) wanted.emplace(child.where.text(), &child);
    std::erase_if(shelves_, [&](auto const& one) { return !wanted.contains(one.first); });
    for (auto const& [name, child] : wanted) {
        auto& mine = shelves_[name];
        if (mine.child.pool_idle != child->pool_idle) mine.lines.clear(); // their timers run
        if (mine.lines.size() > child->pool_size) mine.lines.resize(child->pool_size);
        mine.child = *child;
    }
}

std::optional<pool::connection> pool::take(core::child_policy const& child, wire::negotiate const& offer,
                                           io::line_user& by) {
    if (child.pool_size == 0 || stopped_) return {};
    auto const name = child.where.text();
    auto const found = shelves_.find(name);
    if (found == shelves_.end()) return {};
    auto& mine = found->second;
    if (mine.offer != offer) {
        mine.lines.clear();
        bool const first = !std::exchange(mine.offer, offer);
        if (first) fill_soon(name);
        return {};
    }
    fill_soon(name);
    while (!mine.lines.empty()) {
        auto const first = std::find_if(mine.lines.begin(), mine.lines.end(),
                                        [](auto const& one) { return one->at() == warm_line::state::ready; });
        if (first == mine.lines.end()) return {};
        auto const one = std::move(*first);
        mine.lines.erase(first);
        if (one->usable()) return connection{one->hand_to(by), one->answer()};
    }
    return {};
}

// Not at once: the session that has just begun comes first.
void pool::fill_soon(std::string const& name) {
    boost::asio::post(context_, [this, name, alive = std::weak_ptr(alive_)] {
        if (!alive.lock()) return;
        if (auto const found = shelves_.find(name); found != shelves_.end()) fill(found->second);
    });
}

void pool::fill(shelf& one) {
    if (stopped_ || !one.offer || clock::now() < one.not_before) return;
    auto dialling = std::count_if(one.lines.begin(), one.lines.end(),
                                  [](auto const& line) { return line->at() == warm_line::state::dialling; });
    for (; one.lines.size() < one.child.pool_size && dialling < most_dialling; ++dialling)
        one.lines.push_back(std::make_unique<warm_line>(
            context_, one.child, *one.offer, [this, &one](warm_line& line) { changed(one, line); }));
}

void pool::changed(shelf& of, warm_line& one) {
    if (one.at() == warm_line::state::ready) {
        of.failures = 0;
        return fill(of);
    }
    if (one.answer().empty()) failed(of, one);
    of.lines.remove_if([&](auto const& line) { return line.get() == &one; });
}

void pool::failed(shelf& of, warm_line const& one) {
    auto const rest = std::min(longest_rest, first_rest * (1U << std::min(of.failures, 6U)));
    ++of.failures;
    of.not_before = clock::now() + rest;
    std::string reason(core::describe(one.why()));
    if (!one.detail().empty()) reason += ": " + one.detail();
    log_.event(observe::level::info, "pool_not_filled",
               {{"child", of.child.name}, {"endpoint", of.child.where.text()}, {"reason", reason}});
}

void pool::stop() {
    stopped_ = true;
    for (auto& [name, one] : shelves_)
        one.lines.clear();
}

std::size_t pool::ready() const {
    std::size_t count = 0;
    for (auto const& [name, one] : shelves_)
        for (auto const& line : one.lines)
            if (line->at() == warm_line::state::ready) ++count;
    return count;
}

} // namespace milter::proxy
