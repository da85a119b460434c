#include "tools/performance_check/load.hpp"

#include "tools/console.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace milter::tools::performance_check {

namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

// Mails that are started by the clock may be late; no more than these at once.
constexpr unsigned most_by_the_clock = 1'000;

// "wall clock time,response time,message size", a line a mail.
class data_file {
public:
    explicit data_file(std::string const& path) : path_(path) {
        if (path.empty()) return;
        file_ = std::fopen(path.c_str(), "we");
        if (!file_) refuse();
        write("wall clock time,response time,message size\n");
    }
    ~data_file() {
        if (file_) std::fclose(file_);
    }
    data_file(data_file const&) = delete;
    data_file& operator=(data_file const&) = delete;

    void add(finished_mail const& one) {
        if (!file_) return;
        auto const now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
        write(fmt::format("{:.6f},{:.6f},{}\n", now.count(), one.took.count(), one.size));
    }
    void finish() {
        if (file_ && std::fclose(std::exchange(file_, nullptr)) != 0) refuse();
    }

private:
    void write(std::string const& text) {
        std::lock_guard const hold(mutex_);
        if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) refuse();
    }
    [[noreturn]] void refuse() const {
        throw std::runtime_error(fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
    }

    std::string path_;
    std::FILE* file_ = nullptr;
    std::mutex mutex_;
};

// What the threads share.
struct job {
    settings const& told;
    std::vector<mail> const& mails;
    tally& into;
    data_file& data;
    asio::ssl::context& tls;
    clock::time_point begun = clock::now();
    std::atomic<bool> ended = false;
};

std::size_t count_of(job const& all) {
    return all.mails.size() > 1 ? all.mails.size() : all.told.mails;
}

std::optional<duration> interval_of(job const& all) {
    if (all.told.period)
        return *all.told.period / static_cast<std::int64_t>(std::max<std::size_t>(1, count_of(all)));
    return all.told.interval;
}

class worker {
public:
    worker(job& of, unsigned number) : all_(of), random_(number) {
        order_.resize(count_of(of));
        for (std::size_t at = 0; at < order_.size(); ++at)
            order_[at] = at;
    }

    void run() {
        shuffle();
        auto const interval = interval_of(all_);
        auto const at_once = interval ? most_by_the_clock : all_.told.concurrent;
        for (unsigned i = 0; i < std::min<std::size_t>(at_once, interval ? order_.size() : at_once); ++i)
            asio::co_spawn(context_, send_some(), asio::detached);
        context_.run();
        if (failure_) std::rethrow_exception(failure_);
    }
    void stop() { context_.stop(); }

private:
    void shuffle() {
        if (all_.told.shuffle) std::ranges::shuffle(order_, random_);
    }

    // The place of the next mail in the order; nothing when there is none.
    std::optional<std::size_t> take() {
        if (all_.ended) return {};
        if (all_.told.flood_for && clock::now() - all_.begun >= *all_.told.flood_for) return {};
        if (next_ == order_.size()) {
            if (!all_.told.flood) return {};
            next_ = 0;
            shuffle();
        }
        return next_++;
    }

    asio::awaitable<void> send_some() {
        try {
            while (auto const place = take()) {
                if (auto const interval = interval_of(all_)) {
                    asio::steady_timer timer(context_,
                                             all_.begun + *interval * static_cast<std::int64_t>(*place));
                    co_await timer.async_wait(asio::use_awaitable);
                }
                co_await send(order_[*place]);
            }
        } catch (std::exception const&) {
            if (!failure_) failure_ = std::current_exception();
            all_.ended = true;
        }
    }

    asio::awaitable<void> send(std::size_t number) {
        auto const& told = all_.told;
        std::optional<mail> generated;
        if (all_.mails.empty()) generated = generated_mail(told.who, number, told.additional_lines);
        auto const& what = generated ? *generated : all_.mails[number % all_.mails.size()];
        auto const begun = clock::now();
        auto ended = co_await deliver(told.to, told.how, what, all_.tls);
        finished_mail one;
        one.name = what.name;
        one.size = what.size;
        one.took = clock::now() - begun;
        if (ended.what == result::error) print_error("{}\n", ended.text);
        one.ended = std::move(ended);
        all_.into.add(one);
        all_.data.add(one);
    }

    job& all_;
    asio::io_context context_{1};
    std::vector<std::size_t> order_;
    std::size_t next_ = 0;
    std::mt19937 random_;
    std::exception_ptr failure_;
};

// The main thread meanwhile: signals, and the table.
class overseer {
public:
    overseer(job& of, std::vector<std::unique_ptr<worker>>& all) : all_(of), workers_(all) {
        signals_.async_wait([this](boost::system::error_code failed, int) {
            if (failed) return;
            all_.ended = true;
            for (auto const& one : workers_)
                one->stop();
        });
        if (!all_.told.report_every) return;
        print_whole(tally::head());
        wait();
    }
    void run() { context_.run(); }
    void end() {
        asio::post(context_, [this] {
            signals_.cancel();
            timer_.cancel();
        });
    }

private:
    void wait() {
        auto const before = clock::now();
        timer_.expires_after(*all_.told.report_every);
        timer_.async_wait([this, before](boost::system::error_code failed) {
            print_whole(all_.into.line(clock::now() - before, time_of_day()));
            if (!failed) wait();
        });
    }

    job& all_;
    std::vector<std::unique_ptr<worker>>& workers_;
    asio::io_context context_{1};
    asio::signal_set signals_{context_, SIGINT, SIGTERM};
    asio::steady_timer timer_{context_};
};

} // namespace

seconds send_all(settings const& told, std::vector<mail> const& mails, tally& into) {
    data_file data(told.csv);
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.set_verify_mode(asio::ssl::verify_none);
    job all{told, mails, into, data, tls};
    std::vector<std::unique_ptr<worker>> workers;
    for (unsigned i = 0; i < told.workers; ++i)
        workers.push_back(std::make_unique<worker>(all, i));
    overseer sees(all, workers);
    std::exception_ptr failure;
    std::mutex of_failure;
    std::atomic<std::size_t> running = workers.size();
    std::vector<std::jthread> threads;
    for (auto const& one : workers)
        threads.emplace_back([&, work = one.get()] {
            try {
                work->run();
            } catch (std::exception const&) {
                std::lock_guard const hold(of_failure);
                failure = std::current_exception();
                all.ended = true;
            }
            if (--running == 0) sees.end();
        });
    sees.run();
    threads.clear();
    auto const took = clock::now() - all.begun;
    if (failure) std::rethrow_exception(failure);
    data.finish();
    return took;
}

} // namespace milter::tools::performance_check
