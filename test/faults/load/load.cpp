// A steady load for a milter-manager that somebody else runs: load DIRECTORY SESSIONS_PER_SECOND. The
// children listen on DIRECTORY/first.sock, second.sock and third.sock. Commands on standard input, one a
// line:
//   to ENDPOINT [ENDPOINT]   sessions that begin from now on connect there; the second where the first
//   refuses count                    prints how many have ended, as JSON stop                     no more
//   sessions; when all have ended, prints what has happened, and ends
#include "faults/load/mta.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <sstream>

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace {

using namespace milter;
using namespace milter::load;
using std::chrono::steady_clock;

constexpr std::size_t most_at_once = 500;
constexpr std::size_t most_complaints = 20;
constexpr auto tick = std::chrono::milliseconds(2);

class steady_load {
public:
    steady_load(std::string const& directory, double per_second, int slowness)
        : per_second_(per_second), longest_(std::chrono::seconds(30) * slowness) {
        for (std::size_t i = 0; i < names.size(); ++i)
            children_.push_back(std::make_unique<child>(context_, i, directory));
    }

    int run() {
        say({{"ready", true}});
        listen();
        beat();
        context_.run();
        return wrong_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }

private:
    static void say(boost::json::object const& what) {
        std::puts(boost::json::serialize(what).c_str());
        std::fflush(stdout);
    }

    void listen() {
        commands_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
            std::array<char, 4096> bytes{};
            auto const got = ec ? 0 : ::read(commands_.native_handle(), bytes.data(), bytes.size());
            if (got <= 0) return stop(); // whoever has started it is gone
            heard_.append(bytes.data(), static_cast<std::size_t>(got));
            for (auto end = heard_.find('\n'); end != std::string::npos; end = heard_.find('\n')) {
                obey(heard_.substr(0, end));
                heard_.erase(0, end + 1);
            }
            if (!stopping_) listen();
        });
    }

    void obey(std::string const& line) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        if (word == "count") say({{"sessions", ended_}});
        if (word == "stop") stop();
        if (word != "to") return;
        auto& fresh = managers_.emplace_back(); // sessions refer to former ones
        while (words >> word)
            fresh.push_back(wire::endpoint::parse(word).value());
        if (begun_ == 0) start_ = steady_clock::now();
        say({{"to", line}});
    }

    void stop() {
        if (std::exchange(stopping_, true)) return;
        stopped_ = steady_clock::now();
        finish_if_over();
    }

    void beat() {
        timer_.expires_after(tick);
        timer_.async_wait([this](boost::system::error_code ec) {
            if (ec) return;
            auto const now = steady_clock::now();
            auto const seconds = std::chrono::duration<double>(now - start_).count();
            while (!stopping_ && !managers_.empty() && open_.size() < most_at_once &&
                   static_cast<double>(begun_) < seconds * per_second_)
                begin();
            std::vector<mta*> late;
            for (auto const& [key, one] : open_)
                if (now - one->begun() > longest_) late.push_back(key);
            for (auto* const one : late)
                one->give_up("no answer in time");
            beat();
        });
    }

    void begin() {
        auto one = std::make_unique<mta>(context_, begun_++,
                                         [this](mta& it, std::string const& wrong) { ended(it, wrong); });
        auto& begun = *one;
        open_.emplace(&begun, std::move(one));
        most_open_ = std::max(most_open_, open_.size());
        begun.start(managers_.back());
    }

    void ended(mta& one, std::string const& wrong) {
        ++ended_;
        if (one.has_turned()) ++turned_;
        slowest_ = std::max(slowest_, steady_clock::now() - one.begun());
        if (!wrong.empty() && wrong_++ < most_complaints) complaints_.emplace_back(wrong);
        asio::post(context_, [this, &one] {
            open_.erase(&one);
            finish_if_over();
        });
    }

    void finish_if_over() {
        if (!stopping_ || !open_.empty()) return;
        say({{"sessions", ended_},
             {"seconds", std::chrono::duration<double>(stopped_ - start_).count()},
             {"wrong", wrong_},
             {"complaints", complaints_},
             {"turned", turned_},
             {"most_open", most_open_},
             {"slowest_s", std::chrono::duration<double>(slowest_).count()}});
        context_.stop();
    }

    double per_second_;
    steady_clock::duration longest_;
    asio::io_context context_{1};
    asio::posix::stream_descriptor commands_{context_, STDIN_FILENO};
    asio::steady_timer timer_{context_};
    std::vector<std::unique_ptr<child>> children_;
    std::deque<std::vector<wire::endpoint>> managers_; // the last one counts
    std::unordered_map<mta*, std::unique_ptr<mta>> open_;
    std::string heard_;
    steady_clock::time_point start_, stopped_;
    steady_clock::duration slowest_{};
    std::uint64_t begun_ = 0, ended_ = 0, wrong_ = 0, turned_ = 0;
    std::size_t most_open_ = 0;
    boost::json::array complaints_;
    bool stopping_ = false;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("usage: load DIRECTORY SESSIONS_PER_SECOND\n", stderr), 2;
    char const* const slowness = std::getenv("MILTER_SLOWNESS");
    return steady_load(argv[1], std::atof(argv[2]), slowness != nullptr ? std::atoi(slowness) : 1).run();
}
