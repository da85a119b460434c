// The MTA's side of a measurement: sessions of one mail each, as fast as they are answered (--sessions), at a
// given rate whatever the answers take (--rate), or none at all but open ones (--idle). Prints one line of
// JSON. usage: load SPEC [--sessions N] [--at-once N] [--body BYTES] [--rate PER_SECOND] [--style
// postfix|sendmail]
//             [--idle N]
//   --rate: each session's time counts from when it was due, not from when there was room for it.
//   --idle: opens so many sessions up to HELO, prints a line, and ends when its standard input does.
#include "load/mail_plan.hpp"
#include "load/sockets.hpp"
#include "wire/frame.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace milter::bench {
namespace {

using clock_type = std::chrono::steady_clock;
using time_point = clock_type::time_point;

struct settings {
    wire::endpoint to;
    std::size_t sessions = 1000;
    std::size_t at_once = 1;
    std::size_t body = 2048;
    std::size_t rate = 0;
    std::size_t idle = 0;
    bool each_packet = false; // a write for each, as Sendmail
};

struct session {
    int descriptor = -1;
    std::size_t at = 0; // the step that it is at
    std::size_t body_left = 0;
    bool agreed = false;
    wire::steps steps;
    time_point began;
    time_point ended_message;
    std::string out;
    std::size_t sent = 0; // of out
    wire::frame_reader reader{1 << 20};
};

class load {
public:
    explicit load(settings by) : by_(std::move(by)), plan_(plan_of(by_.body)), all_(slots()) {
        for (auto& one : all_)
            free_.push_back(&one);
    }
    void run() {
        auto const first = begun_ = clock_type::now();
        while (ended_ < wanted()) {
            start_what_is_due();
            epoll_event ready[128];
            int const count = ::epoll_wait(epoll_, ready, 128, patience());
            for (int i = 0; i < count; ++i)
                serve(*static_cast<session*>(ready[i].data.ptr), ready[i].events);
        }
        took_ = clock_type::now() - first;
    }
    void report() const {
        rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        auto const cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
        double const seconds = std::chrono::duration<double>(took_).count();
        std::printf(
            "{\"sessions\": %zu, \"wrong\": %zu, \"seconds\": %.6f, \"per_second\": %.2f, \"cpu\": %.4f, "
            "\"session_us\": %s, \"verdict_us\": %s}\n",
            ended_, wrong_, seconds, static_cast<double>(ended_) / seconds, cpu, of(times_).c_str(),
            of(verdicts_).c_str());
    }
    void wait_for_the_end_of_input() const {
        std::printf("{\"idle\": %zu}\n", idle_);
        std::fflush(stdout);
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) > 0) {
        }
    }

private:
    using micros = std::vector<double>;

    std::size_t slots() const { return by_.idle > 0 ? by_.idle : by_.rate > 0 ? by_.sessions : by_.at_once; }
    std::size_t wanted() const { return by_.idle > 0 ? by_.idle : by_.sessions; }

    static std::string of(micros sorted) {
        if (sorted.empty()) return "null";
        std::ranges::sort(sorted);
        auto const at = [&](double part) {
            return sorted[std::min(sorted.size() - 1,
                                   static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
        };
        char text[160];
        std::snprintf(text, sizeof text, "{\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}",
                      at(0.5), at(0.9), at(0.99), sorted.back());
        return text;
    }

    time_point due(std::size_t n) const {
        return begun_ + std::chrono::nanoseconds(1'000'000'000 * n / std::max<std::size_t>(by_.rate, 1));
    }
    void start_what_is_due() {
        while (started_ < wanted() && !free_.empty()) {
            auto const now = clock_type::now();
            if (by_.rate > 0 && due(started_) > now) return;
            if (!start(*free_.back(), by_.rate > 0 ? due(started_) : now)) return;
            free_.pop_back();
            ++started_;
        }
    }
    int patience() const {
        if (started_ >= wanted() || free_.empty()) return -1;
        if (by_.rate == 0) return 1; // the queue was full
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(due(started_) - clock_type::now()).count();
        return static_cast<int>(std::max<std::int64_t>(left, 0));
    }

    bool start(session& one, time_point began) {
        int const descriptor = connect_to(by_.to);
        if (descriptor < 0) {
            if (errno == EAGAIN) return false;
            give_up("cannot connect to " + by_.to.text() + ": " + std::strerror(errno));
        }
        one = session();
        one.descriptor = descriptor;
        one.began = began;
        one.out = plan_.offer;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.ptr = &one;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) < 0) give_up("epoll");
        return true;
    }

    void serve(session& one, std::uint32_t events) {
        if (one.descriptor < 0) return;
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) hear(one);
        if (one.descriptor >= 0 && (events & EPOLLOUT)) go_on_writing(one);
    }

    void hear(session& one) {
        for (;;) {
            auto const room = one.reader.space(4096);
            auto const got = ::recv(one.descriptor, room.data(), room.size(), 0);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (got <= 0) return finish(one, false);
            one.reader.filled(static_cast<std::size_t>(got));
            for (;;) {
                auto const next = one.reader.next();
                if (!next) return finish(one, false);
                if (!*next) break;
                if (!answered(one, **next)) return;
            }
        }
    }

    // False when the session is over.
    bool answered(session& one, wire::frame const& packet) {
        constexpr std::string_view edits = "phim+2-ebq";
        if (edits.find(packet.code) != std::string_view::npos) return true;
        if (!one.agreed) {
            if (packet.code != 'O') return finish(one, false), false;
            one.agreed = true;
            one.steps = steps_of(packet.payload);
        } else {
            bool const skips = packet.code == 's' && plan_.steps[one.at].code == 'B';
            if (packet.code != 'c' && !skips) return finish(one, false), false;
            while (skips && plan_.steps[one.at + 1].code == 'B')
                ++one.at;
            if (++one.at == plan_.steps.size()) return finish(one, true), false;
        }
        return say(one);
    }

    // What can be said until an answer is due.
    bool say(session& one) {
        while (one.at < plan_.steps.size()) {
            auto const& step = plan_.steps[one.at];
            if (by_.idle > 0 && step.code == 'M') return park(one), false;
            if (!(one.steps & step.unwanted).empty()) {
                ++one.at;
                continue;
            }
            if (step.code == 'E') one.ended_message = clock_type::now();
            if (by_.each_packet)
                for_each_packet(step.bytes, [&](std::string_view packet) {
                    one.out += packet;
                    if (step.body == 0) write(one);
                });
            else
                one.out += step.bytes;
            one.body_left = step.body;
            bool const silent = !(one.steps & step.unanswered).empty();
            if (step.body > 0 || !silent) {
                if (!write(one)) return one.descriptor >= 0; // goes on when there is room
            }
            if (!silent) return true;
            ++one.at;
        }
        return true;
    }

    template <class Each>
    static void for_each_packet(std::string_view bytes, Each each) {
        while (bytes.size() >= 5) {
            std::size_t length = 0;
            for (std::size_t i = 0; i < 4; ++i)
                length = length << 8 | static_cast<unsigned char>(bytes[i]);
            each(bytes.substr(0, 4 + length)); // of a body, only its head is there
            bytes.remove_prefix(std::min(bytes.size(), 4 + length));
        }
    }

    // All that is to be written; false when there is no room now.
    bool write(session& one) {
        while (one.sent < one.out.size()) {
            auto const flags = one.body_left > 0 ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
            auto const n =
                ::send(one.descriptor, one.out.data() + one.sent, one.out.size() - one.sent, flags);
            if (n < 0) return write_failed(one);
            one.sent += static_cast<std::size_t>(n);
        }
        one.out.clear();
        one.sent = 0;
        while (one.body_left > 0) {
            auto const from = plan_.steps[one.at].body - one.body_left;
            auto const n = ::send(one.descriptor, plan_.body.data() + from, one.body_left, MSG_NOSIGNAL);
            if (n < 0) return write_failed(one);
            one.body_left -= static_cast<std::size_t>(n);
        }
        return true;
    }
    bool write_failed(session& one) {
        if (errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN) finish(one, false);
        return false;
    }
    void go_on_writing(session& one) {
        if (one.out.empty() && one.body_left == 0) return;
        if (!write(one)) return;
        if (!one.agreed) return;
        if (one.at < plan_.steps.size() && !(one.steps & plan_.steps[one.at].unanswered).empty()) {
            ++one.at;
            say(one);
        }
    }

    void park(session& one) {
        ++idle_;
        ++ended_;
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, one.descriptor, nullptr);
    }

    void finish(session& one, bool well) {
        auto const now = clock_type::now();
        if (well) {
            times_.push_back(std::chrono::duration<double, std::micro>(now - one.began).count());
            verdicts_.push_back(std::chrono::duration<double, std::micro>(now - one.ended_message).count());
            ::send(one.descriptor, plan_.quit.data(), plan_.quit.size(), MSG_NOSIGNAL);
        } else {
            ++wrong_;
        }
        ::close(one.descriptor);
        one.descriptor = -1;
        ++ended_;
        free_.push_back(&one);
    }

    settings by_;
    mail_plan plan_;
    std::vector<session> all_;
    std::vector<session*> free_;
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    time_point begun_;
    clock_type::duration took_{};
    std::size_t started_ = 0, ended_ = 0, wrong_ = 0, idle_ = 0;
    micros times_, verdicts_;
};

std::size_t number(char const* text) {
    std::size_t value = 0;
    auto const end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end) give_up(std::string("no number: ") + text);
    return value;
}

settings read(int count, char** words) {
    if (count < 2 || count % 2 != 0) give_up("usage: load SPEC [--OPTION VALUE]..., see its source");
    settings by{endpoint_of(words[1])};
    for (int i = 2; i < count; i += 2) {
        std::string_view const word = words[i];
        if (word == "--sessions")
            by.sessions = number(words[i + 1]);
        else if (word == "--at-once")
            by.at_once = number(words[i + 1]);
        else if (word == "--body")
            by.body = number(words[i + 1]);
        else if (word == "--rate")
            by.rate = number(words[i + 1]);
        else if (word == "--idle")
            by.idle = number(words[i + 1]);
        else if (word == "--style" && (words[i + 1] == std::string_view("postfix") ||
                                       words[i + 1] == std::string_view("sendmail")))
            by.each_packet = words[i + 1] == std::string_view("sendmail");
        else
            give_up("unknown: " + std::string(word));
    }
    return by;
}

} // namespace
} // namespace milter::bench

int main(int count, char** words) {
    auto const by = milter::bench::read(count, words);
    milter::bench::load all(by);
    all.run();
    if (by.idle > 0)
        all.wait_for_the_end_of_input();
    else
        all.report();
}
