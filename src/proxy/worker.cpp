#include "proxy/worker.hpp"

#include "io/heap.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <iterator>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

namespace {

// An SMTP client that has more mail sends it sooner, or has lost interest (Postfix's client keeps an idle
// connection for 2 s). What a session ends in front of is lost to it: the MTA refuses or accepts it
// unfiltered.
constexpr std::chrono::seconds end_of_idleness{3};
constexpr std::chrono::milliseconds look_again{200};

// Without a suspend_time.
constexpr std::chrono::milliseconds shortest_pause{100};

std::string_view reason_of(admission::answer answer) {
    return answer == admission::answer::too_many_sessions ? "connections" : "descriptors";
}

std::uint32_t minute_of_week_at(std::time_t time) {
    std::tm local{};
    localtime_r(&time, &local);
    auto const day = static_cast<std::uint32_t>((local.tm_wday + 6) % 7);
    return (day * 24 + static_cast<std::uint32_t>(local.tm_hour)) * 60 +
           static_cast<std::uint32_t>(local.tm_min);
}

} // namespace

std::uint32_t minute_of_week() {
    thread_local std::time_t asked = -1; // in minutes
    thread_local std::uint32_t known = 0;
    auto const now = std::time(nullptr);
    if (asked != now / 60) {
        known = minute_of_week_at(now);
        asked = now / 60;
    }
    return known;
}

worker::worker(int descriptor, settings with, observe::log& log, counters& shared, health& of_children,
               std::function<void()> place_free)
    : now_(std::make_shared<generation>(generation{std::move(with), {}})), log_(log), shared_(shared),
      health_(of_children), place_free_(std::move(place_free)), listener_(listener_on(descriptor)) {
    pool_.serve(now_->with.rules->children);
}

std::unique_ptr<io::listener> worker::listener_on(int descriptor) {
    auto made = std::make_unique<io::listener>(
        *context_, descriptor, [this](io::descriptor mta) { accepted(std::move(mta)); },
        [this](std::string const& why) {
            shared_.places.tell_at_an_end();
            client_waits("system", why);
        });
    made->share_places({.take = [this] { return take_place(); },
                        .give_back = [this] { give_place_back(now_->with.places, false); },
                        .waits = [this] { client_waits(reason_of(last_answer_), ""); }});
    made->pause_for(now_->with.suspend_time);
    return made;
}

bool worker::take_place() {
    last_answer_ = shared_.places.take(now_->with.places);
    if (last_answer_ != admission::answer::yes) return false;
    ++shared_.sessions_open;
    return true;
}

void worker::give_place_back(admission::limits const& of, bool ended) {
    --shared_.sessions_open;
    if (shared_.places.give_back(of, ended)) place_free_();
}

// One line when clients begin to wait, one when none does any more: under load they do so all the time.
void worker::client_waits(std::string_view reason, std::string const& error) {
    if (!shared_.places.waits()) return;
    auto const& by = now_->with.places;
    if (reason == "connections")
        log_.event(observe::level::warning, "accept_paused",
                   {{"reason", std::string(reason)}, {"limit", std::to_string(by.sessions)}},
                   "clients wait until a session ends; manager.max_connections is the limit");
    else if (reason == "descriptors")
        log_.event(observe::level::warning, "accept_paused",
                   {{"reason", std::string(reason)}, {"limit", std::to_string(by.descriptors)}},
                   "clients wait: a session needs up to " + std::to_string(by.descriptors_each) +
                       " descriptors; raise manager.max_file_descriptors");
    else
        log_.event(observe::level::warning, "accept_paused",
                   {{"reason", std::string(reason)}, {"error", error}},
                   "clients wait until a session ends, or for manager.suspend_time_on_unacceptable");
    look_who_waits();
}

void worker::look_who_waits() {
    waiting_look_.expires_after(std::max(now_->with.suspend_time, shortest_pause));
    waiting_look_.async_wait([this](boost::system::error_code ec) {
        if (ec) return;
        listener_->resume(); // says so if somebody still waits
        place_free_();
        if (!shared_.places.episode_over()) return look_who_waits();
        log_.event(observe::level::warning, "accept_resumed", {}, "no client has to wait any more");
    });
}

worker::~worker() {
    if (thread_.joinable()) thread_.join();
}

void worker::start(std::function<void()> done) {
    listener_->start();
    thread_ = std::thread([this, done = std::move(done)] {
        context_->run();
        done();
    });
}

void worker::stop_accepting() {
    boost::asio::post(*context_, [this] {
        for (auto const& one : retiring_)
            one->take_who_waits_and_stop();
        listener_->take_who_waits_and_stop();
        retiring_.clear();
        pool_.stop(); // they would keep the thread busy
        lists_.stop();
        waiting_look_.cancel();
        serving_.reset();
    });
}

void worker::resume_accepting() {
    boost::asio::post(*context_, [this] {
        for (auto const& one : retiring_) // they are waited for
            one->resume();
        listener_->resume();
    });
}

void worker::listen(int descriptor) {
    boost::asio::post(*context_, [this, descriptor] {
        auto& former = *retiring_.emplace_back(std::exchange(listener_, listener_on(descriptor)));
        listener_->start();
        former.retire([this, &former] {
            boost::asio::post(*context_, [this, &former] { // it is called from inside
                std::erase_if(retiring_, [&](auto const& one) { return one.get() == &former; });
            });
        });
    });
}

void worker::ask(std::function<void()> answer) {
    boost::asio::post(*context_, std::move(answer));
}

void worker::use(settings with, std::function<void()> done) {
    auto fresh = std::make_shared<generation>(generation{std::move(with), {}});
    boost::asio::post(*context_, [this, fresh = std::move(fresh), done = std::move(done)]() mutable {
        now_ = std::move(fresh);
        pool_.serve(now_->with.rules->children);
        listener_->pause_for(now_->with.suspend_time);
        done();
        place_free_(); // the limit may be another one
    });
}

void worker::look(std::size_t most, std::function<void(std::vector<sight>)> seen) {
    boost::asio::post(*context_, [this, most, seen = std::move(seen)] {
        std::vector<session const*> oldest;
        for (auto const& [key, one] : sessions_)
            oldest.push_back(key);
        auto const end = oldest.begin() + static_cast<std::ptrdiff_t>(std::min(most, oldest.size()));
        std::partial_sort(oldest.begin(), end, oldest.end(),
                          [](auto const* a, auto const* b) { return a->number() < b->number(); });
        std::vector<sight> all;
        std::transform(oldest.begin(), end, std::back_inserter(all),
                       [](auto const* one) { return one->look(); });
        seen(std::move(all));
    });
}

void worker::stop_sessions() {
    boost::asio::post(*context_, [this] {
        auto const all = sessions_; // stop() makes them end
        for (auto const& [key, one] : all)
            one->stop();
    });
}

void worker::stop_idle_sessions() {
    boost::asio::post(*context_, [this] { look_for_idle_sessions(); });
}

void worker::look_for_idle_sessions() {
    auto const all = sessions_; // stop() makes them end
    for (auto const& [key, one] : all)
        if (auto const since = one->idle(); since && *since >= end_of_idleness) one->stop();
    if (sessions_.empty()) return;
    idle_look_.expires_after(look_again);
    idle_look_.async_wait([this](boost::system::error_code ec) {
        if (!ec) look_for_idle_sessions();
    });
}

void worker::accepted(io::descriptor mta) {
    ++shared_.sessions_begun;
    auto const number = shared_.tags.next(now_->with.rules->children.size());
    auto const one =
        std::make_shared<session>(now_, log_, number, surroundings{context_, pool_, health_, lists_},
                                  [this](session& it) { ended(it); });
    sessions_.emplace(one.get(), one);
    crowd_.rises_to(sessions_.size());
    one->start(std::move(mta), {shared_.sessions_open.load(), minute_of_week()});
}

void worker::ended(session& one) {
    auto const places = one.with().places;
    sessions_.erase(&one);
    if (sessions_.empty()) idle_look_.cancel(); // it would keep the thread busy
    auto const& with = now_->with;
    auto const count = ++shared_.sessions_ended;
    tell_finished();
    if (with.ruby && with.maintenance_interval > 0 && count % with.maintenance_interval == 0)
        with.ruby->maintain();
    give_place_back(places, true);
    if (crowd_.falls_to(sessions_.size())) give_memory_back();
}

// Once what has led to this call is gone, too.
void worker::give_memory_back() {
    boost::asio::post(*context_, [this] {
        sessions_.rehash(0);
        io::give_free_memory_back();
    });
}

// One line for all that end together.
void worker::tell_finished() {
    if (!log_.wants(observe::level::statistics) || std::exchange(telling_finished_, true)) return;
    boost::asio::post(*context_, [this] {
        telling_finished_ = false;
        shared_.finished.tell(log_, shared_.sessions_ended, shared_.sessions_open);
    });
}

} // namespace milter::proxy
