#include "daemon/launcher.hpp"

#include "daemon/launch_message.hpp"
#include "daemon/launch_pace.hpp"
#include "daemon/run_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

using clock = std::chrono::steady_clock;

// Every descriptor but these.
void close_others(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned next = STDERR_FILENO + 1;
    for (int const one : kept) {
        auto const number = static_cast<unsigned>(one);
        if (one < 0 || number < next) continue;
        if (number > next) ::close_range(next, number - 1, 0);
        next = number + 1;
    }
    ::close_range(next, ~0U, 0);
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(nothing, number);
    ::close(nothing);
}

// It ends with the other half, and not before: that one needs it last of all.
void ignore_signals() {
    for (int const one : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTSTP})
        std::signal(one, SIG_IGN);
}

bool tell(int line, launch_reply const& what) {
    auto const packet = encode(what);
    return ::send(line, packet.data(), packet.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size());
}

class serving {
public:
    serving(int line, launcher_job& job, rlimit const& core)
        : line_(line), job_(job), core_(core), states_(job.commands.size()) {
        sigset_t ends;
        ::sigemptyset(&ends);
        ::sigaddset(&ends, SIGCHLD);
        std::signal(SIGCHLD, SIG_DFL);
        ::sigprocmask(SIG_SETMASK, &ends, nullptr);
        ends_ = io::descriptor(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    // Until the other half is gone, or is not what it was.
    void run() {
        for (bool goes_on = static_cast<bool>(ends_); goes_on;) {
            std::array<pollfd, 2> watched{{{line_, POLLIN, 0}, {ends_.number(), POLLIN, 0}}};
            if (::poll(watched.data(), watched.size(), -1) < 0) {
                goes_on = errno == EINTR;
                continue;
            }
            if (watched[1].revents != 0) goes_on = reap();
            if (goes_on && watched[0].revents != 0) goes_on = answer();
        }
    }

private:
    struct state {
        pid_t pid = -1; // while it runs
        launch_pace pace;
    };

    bool answer() {
        std::array<char, longest_launch_packet> packet{};
        auto const size = ::recv(line_, packet.data(), packet.size(), MSG_TRUNC); // of the whole packet
        if (size < 0) return errno == EINTR;
        if (size > static_cast<ssize_t>(packet.size())) return false;
        auto const request =
            decode_launch_request(std::string_view(packet.data(), static_cast<std::size_t>(size)));
        if (!request) return false;
        switch (request->what) {
        case launch_ask::start:
            return start(request->index);
        case launch_ask::remove_socket:
            return done(job_.socket.remove());
        case launch_ask::remove_pid_file:
            return done(job_.pid_file.remove());
        }
        return false;
    }

    bool done(int failed) { return say({.what = launch_news::done, .value = failed}); }

    bool start(std::uint32_t index) {
        if (index >= states_.size()) return false;
        auto& mine = states_[index];
        auto const rest = mine.pace.rest(clock::now());
        if (mine.pid >= 0 || rest.count() > 0)
            return say({.what = launch_news::not_now,
                        .index = index,
                        .rest_ms = static_cast<std::uint32_t>(rest.count())});
        mine.pace.started(clock::now());
        auto const done = run_command(job_.commands[index], core_);
        if (done.failed_at == launch_step::none) {
            mine.pid = done.pid;
            return say({.what = launch_news::running, .index = index, .value = done.pid});
        }
        if (done.pid >= 0) ::waitpid(done.pid, nullptr, 0);
        return say({.what = launch_news::not_started,
                    .step = done.failed_at,
                    .index = index,
                    .value = done.error,
                    .rest_ms = static_cast<std::uint32_t>(mine.pace.ended(clock::now()).count())});
    }

    bool reap() {
        signalfd_siginfo ignored{};
        while (::read(ends_.number(), &ignored, sizeof ignored) > 0) {
        }
        int status = 0;
        for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
            for (std::uint32_t n = 0; n < states_.size(); ++n)
                if (states_[n].pid == pid && !ended(n, status)) return false;
        return true;
    }

    bool ended(std::uint32_t index, int status) {
        auto& mine = states_[index];
        mine.pid = -1;
        return say({.what = launch_news::ended,
                    .index = index,
                    .value = status,
                    .rest_ms = static_cast<std::uint32_t>(mine.pace.ended(clock::now()).count())});
    }

    bool say(launch_reply const& what) { return tell(line_, what); }

    int line_;
    launcher_job& job_;
    rlimit core_;
    std::vector<state> states_;
    io::descriptor ends_;
};

// What keeps others from looking into it: 0, or the error number.
int close_up(bool runs_commands) {
    rlimit const none{0, 0};
    // Milters may have to gain privileges (a setgid postdrop): only without commands there can be none.
    bool const closed = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && ::setrlimit(RLIMIT_CORE, &none) == 0 &&
                        ::chdir("/") == 0 && (runs_commands || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return closed ? 0 : errno;
}

// What it says once it is closed up: 0, or the error number.
int first_word(int line) {
    std::array<char, longest_launch_packet> bytes{};
    auto size = ::recv(line, bytes.data(), bytes.size(), 0);
    while (size < 0 && errno == EINTR)
        size = ::recv(line, bytes.data(), bytes.size(), 0);
    if (size < 0) return errno;
    auto const reply = decode_launch_reply(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    return reply && reply->what == launch_news::done ? reply->value : EPIPE;
}

} // namespace

void be_launcher(io::descriptor line, launcher_job& job) {
    ::prctl(PR_SET_NAME, "milter-launcher", 0, 0, 0);
    ignore_signals();
    close_others({line.number(), job.socket.directory(), job.pid_file.directory()});
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    int const failed = close_up(!job.commands.empty());
    bool const said = tell(line.number(), {.what = launch_news::done, .value = failed});
    if (failed == 0 && said) serving(line.number(), job, core).run();
    ::_exit(failed == 0 && said ? 0 : 1);
}

tl::expected<launcher_process, std::string> fork_launcher(launcher_job& job) {
    auto const failure = [](std::string const& what) {
        return tl::unexpected("failed to start the launcher: " + what + ": " +
                              std::generic_category().message(errno));
    };
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0)
        return failure("socketpair");
    io::descriptor ours(ends[0]);
    io::descriptor theirs(ends[1]);
    pid_t const pid = ::fork();
    if (pid < 0) return failure("fork");
    if (pid == 0) {
        ours.close();
        be_launcher(std::move(theirs), job);
    }
    theirs.close();
    if (int const failed = first_word(ours.number()); failed != 0) {
        ::waitpid(pid, nullptr, 0);
        errno = failed;
        return failure("closing it up (core dumps, tracing)");
    }
    return launcher_process{std::move(ours), pid, ::geteuid() == 0};
}

} // namespace milter::daemon
