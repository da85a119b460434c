#include "support/daemon_process.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/wait.h>
#include <unistd.h>

namespace milter::test {

namespace {

int status_of(int waited) {
    return WIFEXITED(waited) ? WEXITSTATUS(waited) : 128 + WTERMSIG(waited);
}

} // namespace

daemon_process::daemon_process(std::string const& program, std::string const& directory)
    : log_(directory + "/log") {
    process_ = ::fork();
    if (process_ != 0) return;
    if (!std::freopen(log_.c_str(), "w", stderr) || !std::freopen(log_.c_str(), "a", stdout)) ::_exit(126);
    ::execl(program.c_str(), program.c_str(), "--config-dir", directory.c_str(), nullptr);
    ::_exit(127);
}

daemon_process::~daemon_process() {
    stop();
}

bool daemon_process::is_running() {
    int waited = 0;
    if (process_ > 0 && ::waitpid(process_, &waited, WNOHANG) == process_) {
        process_ = -1;
        status_ = status_of(waited);
    }
    return process_ > 0;
}

int daemon_process::stop() {
    if (process_ <= 0) return status_;
    ::kill(process_, SIGTERM);
    int waited = 0;
    ::waitpid(process_, &waited, 0);
    process_ = -1;
    return status_ = status_of(waited);
}

std::string daemon_process::log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string daemon_process::proc(std::string_view what) const {
    return "/proc/" + std::to_string(process_) + "/" + std::string(what);
}

std::size_t daemon_process::descriptors() const {
    std::error_code gone;
    std::filesystem::directory_iterator const all(proc("fd"), gone);
    return gone ? 0 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t daemon_process::nameless_files() const {
    std::size_t count = 0;
    std::error_code gone;
    for (auto const& one : std::filesystem::directory_iterator(proc("fd"), gone))
        if (std::filesystem::read_symlink(one, gone).string().ends_with("(deleted)")) ++count;
    return count;
}

std::size_t daemon_process::status(std::string_view key) const {
    std::ifstream file(proc("status"));
    for (std::string word; file >> word;) {
        if (word != std::string(key) + ":") continue;
        std::size_t value = 0;
        file >> value;
        return value;
    }
    return 0;
}

} // namespace milter::test
