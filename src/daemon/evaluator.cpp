#include "daemon/evaluator.hpp"

#include "config/defaults.hpp"
#include "daemon/early_signals.hpp"
#include "daemon/exec_words.hpp"
#include "io/descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::daemon {

namespace {

using clock = std::chrono::steady_clock;
using io::descriptor;
using std::chrono::milliseconds;

// Ruby ends an evaluation in time itself and says which line it was at; a while later we end Ruby.
constexpr auto patience_at_end = milliseconds(2'000);

// Of what was printed when the evaluation failed because of it.
constexpr std::size_t sample = 4096; // bytes

constexpr int report_descriptor = 3; // where evaluate.rb writes

// Variables that the process gets besides the MILTER_MANAGER_* ones; the rest of the environment is not for
// it.
constexpr std::array passed_on{"PATH",   "HOME",     "USER", "LOGNAME", "LANG",
                               "LC_ALL", "LC_CTYPE", "TZ",   "TMPDIR"};

[[noreturn]] void refuse(char const* what, int error) {
    throw std::system_error(error, std::generic_category(), what);
}

// Above the standard descriptors, so that arranging those in the child cannot overwrite it.
descriptor lifted(descriptor low) {
    descriptor high(fcntl(low.number(), F_DUPFD_CLOEXEC, 10));
    if (!high) refuse("fcntl", errno);
    return high;
}

struct channel {
    descriptor ours;
    descriptor theirs;
};

channel connected(bool both_ways) {
    std::array<int, 2> ends{};
    if (both_ways ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data())
                  : pipe2(ends.data(), O_CLOEXEC)) {
        refuse("pipe", errno);
    }
    descriptor first(ends[0]);
    descriptor second(ends[1]);
    channel made{lifted(std::move(first)), lifted(std::move(second))};
    if (fcntl(made.ours.number(), F_SETFL, O_NONBLOCK) != 0) refuse("fcntl", errno);
    return made;
}

std::string request_text(evaluation_request const& request) {
    boost::json::object text;
    text["load_path"] = boost::json::array(request.load_path.begin(), request.load_path.end());
    text["effective_user"] = nullptr;
    if (request.effective_user) text["effective_user"] = *request.effective_user;
    text["defaults"] = config::defaults();
    if (!request.custom_file.empty()) text["custom_file"] = request.custom_file;
    text["workers"] = request.workers;
    text["memory_limit"] = request.memory_limit;
    text["time_limit"] = static_cast<double>(request.time_limit.count()) / 1000;
    return boost::json::serialize(text) + "\n";
}

std::vector<std::string> environment() {
    std::vector<std::string> lines;
    for (char const* name : passed_on) {
        if (char const* held = std::getenv(name)) lines.push_back(fmt::format("{}={}", name, held));
    }
    for (char** line = environ; line && *line; ++line) {
        if (std::strncmp(*line, "MILTER_MANAGER_", 15) == 0) lines.emplace_back(*line);
    }
    return lines;
}

// The Ruby process and everything in its process group; ends with us.
class ruby_process {
public:
    ruby_process() = default;
    ruby_process(ruby_process const&) = delete;
    ruby_process& operator=(ruby_process const&) = delete;
    ~ruby_process() { end(); }

    // 0, or the error number.
    int start(std::string const& library, int request, int printed, int report);
    // Has the process itself ended? It stays there until end().
    bool over() const;
    // Ends what still runs; how the process itself ended, as waitpid says.
    int end();
    // Gives it time to end by itself.
    void wait(milliseconds most) const;

private:
    pid_t pid_ = -1;
};

int ruby_process::start(std::string const& library, int request, int printed, int report) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        refuse("spawn", ENOMEM);
    posix_spawn_file_actions_adddup2(&actions, request, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, printed, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, printed, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, report, report_descriptor);
    posix_spawn_file_actions_addclosefrom_np(&actions, report_descriptor + 1);

    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);

    std::vector<std::string> words{"ruby", "-EUTF-8", library + "/evaluate.rb"};
    std::vector<std::string> variables = environment();
    int const failed = posix_spawnp(&pid_, "ruby", &actions, &attributes, exec_words(words).data(),
                                    exec_words(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed) pid_ = -1;
    return failed;
}

bool ruby_process::over() const {
    siginfo_t how{};
    return waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           how.si_pid == pid_;
}

void ruby_process::wait(milliseconds most) const {
    if (pid_ < 0) return;
    descriptor const watched(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!watched) return;
    pollfd one{watched.number(), POLLIN, 0};
    while (poll(&one, 1, static_cast<int>(most.count())) < 0 && errno == EINTR) {
    }
}

int ruby_process::end() {
    if (pid_ < 0) return 0;
    kill(-pid_, SIGKILL); // not yet waited for: the number is still its own
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
}

// What goes to and comes from the process, under its limits.
class conversation {
public:
    explicit conversation(evaluation_request const& limits)
        : limits_(limits), request_(request_text(limits)),
          deadline_(clock::now() + limits.time_limit + patience_at_end) {}

    int start() {
        int const failed = ruby_->start(limits_.library, asked_.theirs.number(), told_.theirs.number(),
                                        reported_.theirs.number());
        for (auto* one : {&asked_, &told_, &reported_})
            one->theirs.close();
        return failed;
    }
    // Until the process has ended, by itself or by us. "" or why it was ended.
    std::string run();
    int end() { return ruby_->end(); }
    // The process lives on as the parent of workers. To be asked once.
    proxy::ruby_process leave();

    std::string json;
    std::string printed;

private:
    bool wait();
    void ask();
    // False when the text got longer than it may.
    static bool take(descriptor& from, std::string& into, std::size_t limit);

    evaluation_request const& limits_;
    std::string request_;
    clock::time_point deadline_;
    channel asked_ = connected(true); // a socket: a reader that is gone is an error there, and no signal
    channel told_ = connected(false);
    channel reported_ = connected(false);
    std::shared_ptr<ruby_process> ruby_ = std::make_shared<ruby_process>();
};

std::string conversation::run() {
    for (bool over = false; !over;) {
        over = ruby_->over() || (limits_.workers && !reported_.ours);
        if (limits_.stop.stop_requested() || end_was_noted())
            return "the evaluation of the configuration was given up";
        if (!over && !wait()) {
            return fmt::format(
                "the configuration was not evaluated within {} s and was ended; look for a loop or for "
                "something that it waits for",
                static_cast<double>(limits_.time_limit.count()) / 1000);
        }
        ask();
        if (!take(told_.ours, printed, limits_.print_limit)) {
            printed.resize(std::min(printed.size(), sample));
            return fmt::format("the configuration printed more than {} bytes and was ended",
                               limits_.print_limit);
        }
        if (!take(reported_.ours, json, limits_.json_limit)) {
            return fmt::format(
                "the settings of the configuration are more than {} bytes; its evaluation was ended",
                limits_.json_limit);
        }
    }
    return {};
}

// For something to do, or a moment; false when the time is over.
bool conversation::wait() {
    constexpr auto moment = milliseconds(20); // the end of a process wakes nobody
    constexpr auto soon = milliseconds(2);
    auto const left = std::chrono::duration_cast<milliseconds>(deadline_ - clock::now());
    if (left <= milliseconds(0)) return false;
    bool const nearly_over = !reported_.ours;
    std::array<pollfd, 3> watched{{{reported_.ours.number(), POLLIN, 0},
                                   {told_.ours.number(), POLLIN, 0},
                                   {request_.empty() ? -1 : asked_.ours.number(), POLLOUT, 0}}};
    poll(watched.data(), watched.size(),
         static_cast<int>(std::min(left, nearly_over ? soon : moment).count()));
    return true;
}

void conversation::ask() {
    if (!asked_.ours || request_.empty()) return;
    auto const sent = send(asked_.ours.number(), request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent > 0) request_.erase(0, static_cast<std::size_t>(sent));
    bool const gone = sent < 0 && errno != EAGAIN && errno != EINTR;
    if (gone || (request_.empty() && !limits_.workers)) asked_.ours.close();
}

proxy::ruby_process conversation::leave() {
    // When nobody holds it any more its control is closed: it ends its workers and itself.
    auto ends = [mine = ruby_](void*) {
        mine->wait(patience_at_end);
        mine->end();
    };
    return {std::shared_ptr<void>(ruby_.get(), std::move(ends)), std::move(told_.ours),
            std::move(asked_.ours)};
}

bool conversation::take(descriptor& from, std::string& into, std::size_t limit) {
    std::array<char, 65536> piece{};
    while (from) {
        auto const n = read(from.number(), piece.data(), piece.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return true; // nothing there now
        if (n == 0) {
            from.close();
            return true;
        }
        into.append(piece.data(), std::min(static_cast<std::size_t>(n), limit - into.size() + 1));
        if (into.size() > limit) {
            into.resize(limit);
            return false;
        }
    }
    return true;
}

// "" when the process ended well.
std::string bad_end(int status, conversation const& with, evaluation_request const& limits) {
    bool const well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (well && !with.json.empty()) return {};
    std::string const how = WIFSIGNALED(status) ? fmt::format("was ended by signal {} ({})", WTERMSIG(status),
                                                              strsignal(WTERMSIG(status)))
                                                : fmt::format("ended with status {}", WEXITSTATUS(status));
    if (with.printed.find("failed to allocate memory") != std::string::npos) {
        return fmt::format("the configuration needed more than {} MiB of memory: ruby {}",
                           limits.memory_limit >> 20, how);
    }
    return fmt::format("ruby {} before the configuration was evaluated; what it printed says why", how);
}

} // namespace

tl::expected<evaluation, failed_evaluation> evaluate(evaluation_request const& request) {
    conversation with(request);
    if (int const failed = with.start()) {
        return tl::unexpected(failed_evaluation{
            failed == ENOENT
                ? "ruby is not installed, and milter-manager.conf is a Ruby program: install the package "
                  "\"ruby\", or use --config-file with a configuration in JSON"
                : fmt::format("ruby cannot be started: {}", std::strerror(failed)),
            {}});
    }
    auto why = with.run();
    if (why.empty() && request.workers && !with.json.empty()) {
        auto ruby = with.leave();
        return evaluation{std::move(with.json), std::move(with.printed), std::move(ruby)};
    }
    int const status = with.end();
    if (why.empty()) why = bad_end(status, with, request);
    if (!why.empty()) return tl::unexpected(failed_evaluation{std::move(why), std::move(with.printed)});
    return evaluation{std::move(with.json), std::move(with.printed), {}};
}

} // namespace milter::daemon
