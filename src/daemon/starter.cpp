#include "daemon/starter.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using observe::level;

// For what the launcher does at once.
constexpr int patience_ms = 5'000;

struct packet {
    ssize_t size = -1; // 0: the launcher is gone; -1: nothing there
    std::optional<launch_reply> reply;
};

packet receive(int line) {
    std::array<char, longest_launch_packet> bytes{};
    auto const size = ::recv(line, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) return {size < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : 0, {}};
    return {size, decode_launch_reply(std::string_view(bytes.data(), static_cast<std::size_t>(size)))};
}

std::string_view name_of(launch_step step) {
    switch (step) {
    case launch_step::fork:
        return "fork";
    case launch_step::user:
        return "user";
    case launch_step::exec:
        return "exec";
    case launch_step::none:
        break;
    }
    return "run";
}

std::string signal_name(int number) {
    char const* const name = ::sigabbrev_np(number);
    return name ? "SIG" + std::string(name) : std::to_string(number);
}

} // namespace

starter::starter(asio::io_context& main, observe::log& log, launcher_process launcher,
                 std::vector<launch_command> table)
    : main_(main), log_(log), table_(std::move(table)), states_(table_.size()), as_root_(launcher.as_root),
      pid_(launcher.pid), line_(main) {
    if (!launcher.line) return;
    line_.assign(launcher.line.release());
    listen();
}

starter::~starter() {
    boost::system::error_code ignored;
    line_.close(ignored);
    while (pid_ >= 0 && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void starter::use(config::snapshot const& running) {
    std::map<std::string, std::uint32_t, std::less<>> commands;
    auto const wanted = launch_table_of(running, as_root_);
    for (auto const& one : wanted.complaints)
        log_.event(level::error, "configuration_wrong", {{"path", one.where}},
                   one.what + "; its command is not run, and at a restart this is a reason not to start");
    for (auto const& one : running.milters) {
        if (!one.enabled || !one.command) continue;
        if (auto const index = find_command(table_, one))
            commands.emplace(one.child.name, *index);
        else if (find_command(wanted.commands, one))
            log_.event(level::warning, "restart_needed",
                       {{"setting", "milter.command of " + one.child.name},
                        {"value", *one.command},
                        {"path", one.locations.contains("command") ? one.locations.at("command") : ""}},
                       "commands are known from the start on; this one is not run until a restart");
    }
    std::lock_guard const alone(mutex_);
    commands_ = std::move(commands);
}

void starter::cannot_connect(std::string const& child) {
    std::unique_lock alone(mutex_);
    auto const found = commands_.find(child);
    if (found == commands_.end()) return;
    auto const index = found->second;
    alone.unlock();
    asio::post(main_, [this, index, child] { ask(index, child); });
}

void starter::stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    if (line_.is_open()) line_.cancel(ignored);
}

void starter::ask(std::uint32_t index, std::string const& child) {
    auto& mine = states_[index];
    if (stopped_ || !line_.is_open() || mine.busy || clock::now() < mine.not_before) return;
    mine.child = child;
    mine.busy = send({launch_ask::start, index});
}

bool starter::send(launch_request const& request) {
    auto const packet = encode(request);
    return ::send(line_.native_handle(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(packet.size());
}

void starter::listen() {
    line_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code failed) {
        if (!failed && !stopped_) heard();
    });
}

void starter::heard() {
    for (;;) {
        auto const got = receive(line_.native_handle());
        if (got.size < 0) return listen();
        if (!got.reply) break;
        told(*got.reply);
    }
    log_.event(level::error, "launcher_gone", {{"pid", std::to_string(pid_)}},
               "no command of a milter is run any more; a restart brings it back");
    boost::system::error_code ignored;
    line_.close(ignored);
}

void starter::told(launch_reply const& what) {
    if (what.what == launch_news::done || what.index >= states_.size()) return;
    auto& mine = states_[what.index];
    mine.busy = what.what == launch_news::running;
    mine.not_before = clock::now() + std::chrono::milliseconds(what.rest_ms);
    auto const& command = table_[what.index];
    if (what.what == launch_news::running && std::exchange(mine.has_run, true) && restarted_)
        restarted_(mine.child);
    if (what.what == launch_news::running)
        log_.event(level::message, "child_started",
                   {{"child", mine.child},
                    {"command", command.words.front()},
                    {"user", command.user ? command.user->name : ""},
                    {"pid", std::to_string(what.value)}});
    else if (what.what == launch_news::not_started || (what.what == launch_news::ended && what.value != 0))
        failed(mine, what);
    else if (what.what == launch_news::ended)
        log_.event(level::info, "child_command_ended",
                   {{"child", mine.child}, {"command", command.words.front()}, {"status", "0"}});
}

void starter::failed(state const& mine, launch_reply const& what) {
    // How it ended, or why it did not even begin.
    observe::field how{"error", ""};
    if (what.what == launch_news::not_started)
        how.value = std::strerror(what.value);
    else if (WIFSIGNALED(what.value))
        how = {"signal", signal_name(WTERMSIG(what.value))};
    else
        how = {"status", std::to_string(WEXITSTATUS(what.value))};
    log_.event(level::warning, "child_command_failed",
               {{"child", mine.child},
                {"command", table_[what.index].words.front()},
                {"stage", std::string(name_of(what.step))},
                how,
                {"pause_ms", std::to_string(what.rest_ms)}},
               "after that pause it is run again, when connecting still fails");
}

int starter::have(launch_ask which) {
    if (!line_.is_open()) return EPERM;
    if (!send({which, 0})) return errno;
    auto const until = clock::now() + std::chrono::milliseconds(patience_ms);
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        pollfd one{line_.native_handle(), POLLIN, 0};
        if (left <= 0) return ETIMEDOUT;
        if (::poll(&one, 1, static_cast<int>(left)) < 0 && errno != EINTR) return errno;
        auto const got = receive(line_.native_handle());
        if (got.size == 0) return EPIPE;
        if (got.reply && got.reply->what == launch_news::done) return got.reply->value;
    }
}

} // namespace milter::daemon
