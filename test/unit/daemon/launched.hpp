// A launcher of a test: its process, its line, and commands that a test can be sure of. Never a command of
// the system that changes anything.
#pragma once

#include "daemon/launch_message.hpp"
#include "daemon/launcher.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace milter::daemon::test {

constexpr int patience_ms = 30'000;

// As root nothing runs as root.
inline launch_command shell(std::string const& script) {
    launch_command made{{"/bin/sh", "-c", script}, {}, script};
    if (::geteuid() == 0) made.user = find_identity("nobody").value();
    return made;
}

class launched {
public:
    explicit launched(launcher_job&& job) : launched(job) {}
    explicit launched(launcher_job& job) : process_(fork_launcher(job).value()) {}
    ~launched() { status(); }

    pid_t pid() const { return process_.pid; }
    launcher_process& process() { return process_; }

    void say(std::string const& packet) {
        if (::send(process_.line.number(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
            throw std::runtime_error("the launcher does not listen");
    }
    void ask(std::uint32_t index) { say(encode(launch_request{launch_ask::start, index})); }

    // The next one; nothing when the launcher has gone.
    std::optional<launch_reply> reply() {
        pollfd one{process_.line.number(), POLLIN, 0};
        if (::poll(&one, 1, patience_ms) <= 0) throw std::runtime_error("the launcher says nothing");
        std::array<char, longest_launch_packet + 1> packet{};
        auto const size = ::recv(one.fd, packet.data(), packet.size(), 0);
        if (size <= 0) return {};
        return decode_launch_reply({packet.data(), static_cast<std::size_t>(size)});
    }

    // Waits for its end, which the end of the line is; as waitpid says.
    int status() {
        if (process_.pid < 0) return status_;
        process_.line.close();
        ::waitpid(process_.pid, &status_, 0);
        process_.pid = -1;
        return status_;
    }

private:
    launcher_process process_;
    int status_ = -1;
};

} // namespace milter::daemon::test
