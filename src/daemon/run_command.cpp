#include "daemon/run_command.hpp"

#include "daemon/exec_words.hpp"

#include "io/descriptor.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

constexpr std::array<std::string_view, 6> search_path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                      "/usr/bin",        "/sbin",          "/bin"};

struct failure {
    launch_step at = launch_step::none;
    int error = 0;
};

// As after the start of the system: what the launcher ignores or blocks is not for others.
void reset_signals() {
    for (int number = 1; number < NSIG; ++number)
        std::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void nothing_for_standard_descriptors() {
    int const nothing = ::open("/dev/null", O_RDWR);
    for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(nothing, number);
    if (nothing > STDERR_FILENO) ::close(nothing);
}

std::vector<std::string> environment(std::optional<identity> const& user) {
    std::string path = "PATH=";
    for (auto const one : search_path)
        path += (path.back() == '=' ? "" : ":") + std::string(one);
    std::vector<std::string> all{path, "LC_ALL=C", "SHELL=/bin/sh"};
    if (user)
        for (auto const* const name : {"USER=", "LOGNAME="})
            all.push_back(name + user->name);
    if (user) all.push_back("HOME=" + user->home);
    return all;
}

// Returns only when it failed.
int execute(launch_command const& what) {
    auto words = what.words;
    auto variables = environment(what.user);
    auto const arguments = exec_words(words);
    auto const around = exec_words(variables);
    auto const& program = what.words.front();
    if (program.starts_with('/')) {
        ::execve(program.c_str(), arguments.data(), around.data());
        return errno;
    }
    int why = ENOENT;
    for (auto const directory : search_path) {
        ::execve((std::string(directory) + "/" + program).c_str(), arguments.data(), around.data());
        if (errno != ENOENT && errno != ENOTDIR) why = errno;
    }
    return why;
}

// In the new process. Returns only when it failed.
failure turn_into(launch_command const& what, rlimit const& core) {
    ::setsid();
    reset_signals();
    nothing_for_standard_descriptors();
    ::setrlimit(RLIMIT_CORE, &core);
    ::umask(022);
    if (what.user) {
        if (what.user->uid == 0) return {launch_step::user, EPERM};
        if (int const failed = become(*what.user)) return {launch_step::user, failed};
    } else if (::geteuid() == 0 || ::getuid() == 0) {
        return {launch_step::user, EPERM}; // nothing runs as root
    }
    if (::chdir("/") < 0) return {launch_step::user, errno};
    return {launch_step::exec, execute(what)};
}

} // namespace

started_command run_command(launch_command const& what, rlimit const& core) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) return {-1, launch_step::fork, errno};
    io::descriptor told(ends[0]);
    io::descriptor tells(ends[1]);
    pid_t const pid = ::fork();
    if (pid < 0) return {-1, launch_step::fork, errno};
    if (pid == 0) {
        // Only the end of this pipe goes along, until the program runs.
        int const end = ::fcntl(tells.number(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (end != STDERR_FILENO + 1) ::dup3(end, STDERR_FILENO + 1, O_CLOEXEC);
        ::close_range(STDERR_FILENO + 2, ~0U, 0);
        auto const why = turn_into(what, core);
        [[maybe_unused]] auto const said = ::write(STDERR_FILENO + 1, &why, sizeof why);
        ::_exit(127);
    }
    tells.close();
    failure why;
    ssize_t got = 0;
    while ((got = ::read(told.number(), &why, sizeof why)) < 0 && errno == EINTR) {
    }
    if (got != sizeof why) return {pid, launch_step::none, 0}; // the pipe was closed by the program's start
    return {pid, why.at, why.error};
}

} // namespace milter::daemon
