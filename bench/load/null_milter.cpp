// A milter that wants to hear everything and does nothing, on one thread: what a hop to it costs is the
// hop's. usage: null_milter SPEC [--delay-ms N] [--headers N] [--silent] [--adds-headers-only]
//   --delay-ms: before the answer to the end of the message; --headers: so many are added to each message;
//   --silent: it answers neither headers nor body; --adds-headers-only: all that it asks to be allowed
#include "io/listener.hpp"
#include "load/sockets.hpp"
#include "wire/command.hpp"
#include "wire/frame.hpp"
#include "wire/reply.hpp"

#include <charconv>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace milter;
using clock_type = std::chrono::steady_clock;

struct settings {
    std::chrono::milliseconds delay{0};
    wire::actions actions = wire::all_actions;
    wire::steps steps;
    std::string at_end; // edits, and the answer
    std::string go_on;  // to everything else
    std::string agreement;
};

struct peer {
    explicit peer(int of) : descriptor(of) {}
    ~peer() { ::close(descriptor); }
    int descriptor;
    wire::frame_reader reader{1 << 20};
    std::string out;
};

class server {
public:
    server(int listening, settings by) : listening_(listening), by_(std::move(by)) {
        watch(listening_, nullptr);
    }
    void run() {
        for (;;) {
            epoll_event ready[64];
            int const count = ::epoll_wait(epoll_, ready, 64, patience());
            for (int i = 0; i < count; ++i) {
                if (ready[i].data.ptr)
                    serve(*static_cast<peer*>(ready[i].data.ptr));
                else
                    accept_all();
            }
            answer_late();
        }
    }

private:
    void watch(int descriptor, peer* whose) {
        epoll_event one{};
        one.events = EPOLLIN;
        one.data.ptr = whose;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &one) < 0) bench::give_up("epoll");
    }
    void accept_all() {
        for (;;) {
            int const descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (descriptor < 0) return;
            int const on = 1;
            ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // no effect on unix sockets
            auto* const one = new peer(descriptor);
            watch(descriptor, one);
        }
    }
    // Reads what there is; deletes the peer at its end.
    void serve(peer& one) {
        for (;;) {
            auto const room = one.reader.space(65'536);
            auto const got = ::recv(one.descriptor, room.data(), room.size(), 0);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
            if (got <= 0) return forget(one);
            one.reader.filled(static_cast<std::size_t>(got));
            for (;;) {
                auto const next = one.reader.next();
                if (!next || (*next && (*next)->code == 'Q')) return forget(one);
                if (!*next) break;
                answer(one, (*next)->code);
            }
            if (static_cast<std::size_t>(got) < room.size()) break;
        }
        flush(one);
    }
    void answer(peer& one, char code) {
        switch (code) {
        case 'O':
            one.out += by_.agreement;
            return;
        case 'D':
        case 'A':
            return;
        case 'L':
            if (!by_.steps.has(wire::step::no_reply_header)) one.out += by_.go_on;
            return;
        case 'B':
            if (!by_.steps.has(wire::step::no_reply_body)) one.out += by_.go_on;
            return;
        case 'E':
            if (by_.delay.count() == 0)
                one.out += by_.at_end;
            else
                late_.emplace_back(clock_type::now() + by_.delay, &one);
            return;
        default:
            one.out += by_.go_on;
        }
    }
    void flush(peer& one) {
        if (one.out.empty()) return;
        // Answers are small and waited for: they fit.
        if (::send(one.descriptor, one.out.data(), one.out.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(one.out.size()))
            bench::give_up("an answer does not fit into the socket");
        one.out.clear();
    }
    void forget(peer& one) {
        std::erase_if(late_, [&](auto const& each) { return each.second == &one; });
        delete &one;
    }
    int patience() const {
        if (late_.empty()) return -1;
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(late_.front().first - clock_type::now());
        return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    void answer_late() {
        while (!late_.empty() && late_.front().first <= clock_type::now()) {
            auto* const one = late_.front().second;
            late_.pop_front();
            one->out += by_.at_end;
            flush(*one);
        }
    }

    int listening_;
    settings by_;
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    std::deque<std::pair<clock_type::time_point, peer*>> late_;
};

unsigned number(char const* text) {
    unsigned value = 0;
    auto const end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end) bench::give_up(std::string("no number: ") + text);
    return value;
}

} // namespace

int main(int count, char** words) {
    if (count < 2) bench::give_up("usage: null_milter SPEC [OPTION]..., see its source");
    settings by;
    for (int i = 2; i < count; ++i) {
        std::string_view const word = words[i];
        bool const has_value = i + 1 < count;
        if (word == "--delay-ms" && has_value)
            by.delay = std::chrono::milliseconds(number(words[++i]));
        else if (word == "--headers" && has_value)
            for (unsigned n = number(words[++i]); n > 0; --n)
                wire::encode(by.at_end, wire::reply(wire::add_header{"X-Null", "milter"}));
        else if (word == "--silent")
            by.steps = wire::step::no_reply_header | wire::step::no_reply_body;
        else if (word == "--adds-headers-only")
            by.actions = wire::action::add_headers;
        else
            bench::give_up("unknown: " + std::string(word));
    }
    wire::encode(by.go_on, wire::reply(wire::decision{wire::answer::go_on}));
    by.at_end += by.go_on;
    wire::encode(by.agreement, wire::reply(wire::negotiated{6, by.actions, by.steps, {}}));
    io::listen_options options;
    options.backlog = 65'535;
    options.unix_mode = 0666; // a manager that root has started is nobody
    auto const listening = io::open_listener(bench::endpoint_of(words[1]), options);
    if (!listening) bench::give_up(listening.error());
    server(*listening, std::move(by)).run();
}
