#include "tools/controller/terminal.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace milter::tools::controller {

namespace {

volatile std::sig_atomic_t wants_to_end = 0;

void note_signal(int) {
    wants_to_end = 1;
}

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

// At most so many letters (UTF-8).
std::string_view cut(std::string_view line, std::size_t letters) {
    for (std::size_t n = 0; n < line.size(); ++n)
        if ((line[n] & 0xC0) != 0x80 && letters-- == 0) return line.substr(0, n);
    return line;
}

using steady = std::chrono::steady_clock;

int ms_until(steady::time_point end) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - steady::now()).count();
    return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left, 0, 3'600'000));
}

} // namespace

terminal::terminal() : draws_(::isatty(STDOUT_FILENO) == 1), reads_(::isatty(STDIN_FILENO) == 1) {
    struct sigaction action {};
    action.sa_handler = note_signal; // without SA_RESTART: waiting ends
    for (int const number : {SIGINT, SIGTERM, SIGHUP})
        ::sigaction(number, &action, nullptr);
    reads_ = reads_ && draws_ && ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (reads_) {
        auto raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    if (draws_) print("\x1b[?1049h\x1b[?25l");
}

terminal::~terminal() {
    if (draws_) print("\x1b[?25h\x1b[?1049l");
    if (reads_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void terminal::draw(std::string_view text) const {
    if (!draws_) return print(std::string(text) + "\n");
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        size = {24, 80, 0, 0};
    std::string screen = "\x1b[H";
    for (int row = 0; row < size.ws_row && !text.empty(); ++row) {
        auto const end = std::min(text.find('\n'), text.size());
        if (row > 0) screen += "\n"; // the terminal still makes a new line of it
        screen += std::string(cut(text.substr(0, end), size.ws_col)) + "\x1b[K";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    print(screen + "\x1b[J");
}

bool terminal::wait(std::chrono::milliseconds time) const {
    auto const end = steady::now() + time;
    pollfd key{reads_ ? STDIN_FILENO : -1, POLLIN, 0};
    while (!wants_to_end) {
        int const left = ms_until(end);
        int const ready = ::poll(&key, 1, left);
        if (ready == 0 && ms_until(end) == 0) return false;
        char pressed = 0;
        if (ready > 0 && (::read(STDIN_FILENO, &pressed, 1) <= 0 || pressed == 'q' || pressed == 'Q'))
            return true;
    }
    return true;
}

} // namespace milter::tools::controller
