#include "tools/background.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace milter::tools {

namespace {

[[noreturn]] void refuse(char const* what) {
    throw std::system_error(errno, std::generic_category(), std::string("failed to daemonize: ") + what);
}

pid_t forked() {
    std::fflush(nullptr); // what is buffered is printed once
    pid_t const pid = ::fork();
    if (pid < 0) refuse("fork");
    return pid;
}

// In the first process.
[[noreturn]] void wait_for(io::descriptor& told, pid_t first, std::string const& program) {
    for (int const number : {SIGTERM, SIGINT}) // whoever gives up waiting
        std::signal(number, SIG_DFL);
    while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
    }
    int status = EXIT_FAILURE;
    ssize_t got = 0;
    while ((got = ::read(told.number(), &status, sizeof status)) < 0 && errno == EINTR) {
    }
    if (got != sizeof status) {
        std::fprintf(stderr, "%s: it has ended before it served\n", program.c_str());
        status = EXIT_FAILURE;
    }
    std::fflush(nullptr);
    ::_exit(status);
}

} // namespace

background background::detach(std::string const& program) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) refuse("socketpair");
    io::descriptor waits(ends[0]);
    background here;
    here.told_ = io::descriptor(ends[1]);
    if (pid_t const first = forked()) {
        here.told_.close();
        wait_for(waits, first, program);
    }
    waits.close();
    if (::setsid() < 0) refuse("setsid");
    if (forked() != 0) ::_exit(EXIT_SUCCESS); // without a leader, the session gets no terminal any more
    ::umask(022);                             // nobody else writes what we create
    return here;
}

void background::serves() {
    if (!told_) return;
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    bool const away = nothing >= 0 && ::chdir("/") == 0;
    for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (away) ::dup2(nothing, number);
    ::close(nothing);
    if (!away) refuse("/dev/null or /");
    ended(EXIT_SUCCESS);
}

void background::ended(int status) {
    if (!told_) return;
    ::send(told_.number(), &status, sizeof status, MSG_NOSIGNAL);
    told_.close();
}

} // namespace milter::tools
