#include "tools/test_server/load.hpp"

#include "tools/console.hpp"
#include "tools/script/player.hpp"
#include "tools/test_server/conversation.hpp"
#include "tools/test_server/crowd.hpp"
#include "tools/test_server/tally.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace milter::tools::test_server {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds progress_interval(200);

double seconds_since(clock::time_point then) {
    return std::chrono::duration<double>(clock::now() - then).count();
}

class load {
public:
    explicit load(settings const& told)
        : told_(told), total_(std::size_t{told.repeat} * std::max<std::size_t>(told.scripts.size(), 1)),
          crowd_(context_, {total_, told.concurrency, told.rate},
                 [this](std::size_t number, std::function<void()> over) {
                     return told_.scripts.empty() ? begin_message(std::move(over))
                                                  : begin_script(number, std::move(over));
                 }) {}

    int run() {
        crowd_.begin();
        context_.run();
        if (is_watched_) print_error("\r\033[K");
        auto const seconds = seconds_since(began_);
        auto const printed = print_whole(told_.json ? tally_.json(seconds) : tally_.report(seconds));
        if (printed) return status_;
        print_error("{}\n", printed.error());
        return could_not_talk;
    }

private:
    std::shared_ptr<void> begin_message(std::function<void()> over) {
        auto const one = std::make_shared<std::unique_ptr<conversation>>();
        auto const began = clock::now();
        *one = std::make_unique<conversation>(
            context_, told_, [this, began, one = one.get(), over = std::move(over)] {
                auto const& came = (*one)->result();
                auto failure = came.failure;
                bool const other =
                    failure.empty() && !told_.expected_status.empty() && told_.expected_status != came.status;
                if (other)
                    failure =
                        fmt::format("the status is {}, expected was {}", came.status, told_.expected_status);
                note(failure.empty() ? 0 : other ? unexpected_answer : could_not_talk);
                tally_.add(came.status, failure, came.timings, seconds_since(began));
                show_progress();
                over();
            });
        (*one)->begin();
        return one;
    }

    std::shared_ptr<void> begin_script(std::size_t number, std::function<void()> over) {
        auto const one = std::make_shared<std::unique_ptr<script::player>>();
        auto const began = clock::now();
        *one = std::make_unique<script::player>(
            context_, told_.scripts[number % told_.scripts.size()], told_.where,
            script::limits{told_.connection_timeout, told_.reading_timeout, told_.end_of_message_timeout},
            [this, began, one = one.get(), over = std::move(over)] {
                auto const& came = (*one)->result();
                using kind = script::outcome::kind;
                note(came.is == kind::as_expected ? 0
                     : came.is == kind::otherwise ? unexpected_answer
                                                  : could_not_talk);
                tally_.add(came.is == kind::as_expected ? "as expected" : "", came.complaint, came.timings,
                           seconds_since(began));
                show_progress();
                over();
            });
        (*one)->begin();
        return one;
    }

    void note(int status) {
        if (status_ != could_not_talk && status != 0) status_ = status;
    }

    void show_progress() {
        if (!is_watched_ || clock::now() - shown_ < progress_interval) return;
        shown_ = clock::now();
        auto const seconds = seconds_since(began_);
        print_error("\r\033[K{} of {} sessions, {} failed, {:.0f} per second", tally_.sessions(), total_,
                    tally_.failed(), static_cast<double>(tally_.sessions()) / std::max(seconds, 0.001));
        std::fflush(stderr);
    }

    settings const& told_;
    std::size_t total_;
    boost::asio::io_context context_{1};
    crowd crowd_;
    tally tally_;
    clock::time_point began_ = clock::now();
    clock::time_point shown_;
    bool is_watched_ = ::isatty(STDERR_FILENO) == 1;
    int status_ = 0;
};

} // namespace

int run_load(settings const& told) {
    return load(told).run();
}

} // namespace milter::tools::test_server
