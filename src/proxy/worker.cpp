#include "proxy/worker.hpp"

#include <ctime>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

worker::worker(int descriptor, settings with, observe::log& log, counters& shared, health& of_children,
               std::function<void()> place_free)
    : now_(std::make_shared<generation>(generation{std::move(with), {}})), log_(log), shared_(shared),
      health_(of_children), place_free_(std::move(place_free)),
      listener_(
          *context_, descriptor, [this](io::stream_socket mta) { accepted(std::move(mta)); },
          [this](std::string const& why) {
              log_.event(observe::level::warning, "accept_paused", {{"error", why}},
                         "raise manager.max_file_descriptors, or look for clients that do not leave");
          }) {
    listener_.share_places([this] { return take_place(); }, [this] { --shared_.sessions_open; });
    pool_.serve(now_->with.rules->children);
}

namespace {

// Local time, from Monday 00:00.
std::uint32_t minute_of_week() {
    std::time_t const now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    auto const day = static_cast<std::uint32_t>((local.tm_wday + 6) % 7);
    return (day * 24 + static_cast<std::uint32_t>(local.tm_hour)) * 60 +
           static_cast<std::uint32_t>(local.tm_min);
}

} // namespace

bool worker::take_place() {
    auto const most = now_->with.max_connections;
    auto open = shared_.sessions_open.load();
    while (most == 0 || open < most)
        if (shared_.sessions_open.compare_exchange_weak(open, open + 1)) return true;
    return false;
}

worker::~worker() {
    if (thread_.joinable()) thread_.join();
}

void worker::start(std::function<void()> done) {
    listener_.start();
    thread_ = std::thread([this, done = std::move(done)] {
        context_->run();
        done();
    });
}

void worker::stop_accepting() {
    boost::asio::post(*context_, [this] {
        listener_.stop();
        pool_.stop(); // they would keep the thread busy
        lists_.stop();
        serving_.reset();
    });
}

void worker::resume_accepting() {
    boost::asio::post(*context_, [this] { listener_.resume(); });
}

void worker::use(settings with, std::function<void()> done) {
    auto fresh = std::make_shared<generation>(generation{std::move(with), {}});
    boost::asio::post(*context_, [this, fresh = std::move(fresh), done = std::move(done)]() mutable {
        now_ = std::move(fresh);
        pool_.serve(now_->with.rules->children);
        done();
        place_free_(); // the limit may be another one, and ends of sessions have not been told without one
    });
}

void worker::stop_sessions() {
    boost::asio::post(*context_, [this] {
        auto const all = sessions_; // stop() makes them end
        for (auto const& [key, one] : all)
            one->stop();
    });
}

void worker::accepted(io::stream_socket mta) {
    auto const number = ++shared_.sessions_begun;
    auto const one =
        std::make_shared<session>(now_, log_, number, surroundings{context_, pool_, health_, lists_},
                                  [this](session& it) { ended(it); });
    sessions_.emplace(one.get(), one);
    one->start(std::move(mta), {shared_.sessions_open.load(), minute_of_week()});
}

void worker::ended(session& one) {
    --shared_.sessions_open;
    sessions_.erase(&one);
    auto const& with = now_->with;
    auto const count = ++shared_.sessions_ended;
    if (with.ruby && with.maintenance_interval > 0 && count % with.maintenance_interval == 0)
        with.ruby->maintain();
    if (with.max_connections > 0) place_free_();
}

} // namespace milter::proxy
