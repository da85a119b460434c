#include "tools/log_analyzer/rrdtool.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace milter::tools::log_analyzer {

namespace {

constexpr char const* missing =
    "the program rrdtool is not there: install the package rrdtool, or use --html, "
    "--json or --csv, which do without";

} // namespace

tl::expected<std::unique_ptr<rrdtool>, std::string> rrdtool::start(std::string const& directory) {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) < 0) return tl::unexpected(std::string("pipe: ") + std::strerror(errno));
    if (::pipe2(from, O_CLOEXEC) < 0) {
        ::close(to[0]);
        ::close(to[1]);
        return tl::unexpected(std::string("pipe: ") + std::strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    std::string program = "rrdtool", dash = "-";
    char* const words[] = {program.data(), dash.data(), nullptr};
    pid_t process = -1;
    int const failed = ::posix_spawnp(&process, program.c_str(), &actions, nullptr, words, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(to[0]);
    ::close(from[1]);
    if (failed != 0) {
        ::close(to[1]);
        ::close(from[0]);
        if (failed == ENOENT) return tl::unexpected(std::string(missing));
        return tl::unexpected(fmt::format("cannot start rrdtool: {}", std::strerror(failed)));
    }
    return std::unique_ptr<rrdtool>(new rrdtool(process, to[1], from[0]));
}

rrdtool::rrdtool(pid_t process, int to, int from)
    : process_(process), to_(::fdopen(to, "w")), from_(::fdopen(from, "r")) {}

rrdtool::~rrdtool() {
    std::fclose(to_);
    std::fclose(from_);
    ::waitpid(process_, nullptr, 0);
}

tl::expected<std::string, std::string> rrdtool::run(std::string const& command) {
    auto const asked = [&command] {
        return command.substr(0, std::min<std::size_t>(command.find(' ', 8), 60));
    };
    if (std::fputs((command + "\n").c_str(), to_) < 0 || std::fflush(to_) != 0)
        return tl::unexpected(fmt::format("rrdtool {}: it has ended", asked()));
    std::string printed;
    char* line = nullptr;
    std::size_t size = 0;
    for (;;) {
        auto const length = ::getline(&line, &size, from_);
        std::unique_ptr<char, decltype(&std::free)> const hold(length < 0 ? line : nullptr, &std::free);
        if (length < 0) return tl::unexpected(fmt::format("rrdtool {}: it has ended", asked()));
        std::string_view const text(line, static_cast<std::size_t>(length));
        bool const good = text.starts_with("OK ");
        if (good || text.starts_with("ERROR: ")) {
            std::string const answer(text.substr(0, text.find('\n')));
            std::free(line);
            if (good) return printed;
            return tl::unexpected(fmt::format("rrdtool {}: {}", asked(), answer.substr(7)));
        }
        printed += text;
    }
}

} // namespace milter::tools::log_analyzer
