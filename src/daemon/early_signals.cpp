#include "daemon/early_signals.hpp"

#include <array>
#include <csignal>

namespace milter::daemon {

namespace {

struct watched {
    int number;
    bool ends;
    std::sig_atomic_t volatile noted = 0;
};
std::array<watched, 4> all{{{SIGTERM, true}, {SIGINT, true}, {SIGHUP, false}, {SIGUSR1, false}}};

extern "C" void note(int number) {
    for (auto& one : all)
        if (one.number == number) one.noted = 1;
}

} // namespace

void note_early_signals(bool serves) {
    struct sigaction how {};
    how.sa_handler = note;
    sigemptyset(&how.sa_mask);
    for (auto const& one : all)
        if (one.ends || serves) ::sigaction(one.number, &how, nullptr);
}

bool end_was_noted() {
    for (auto const& one : all)
        if (one.ends && one.noted) return true;
    return false;
}

void after_reading(bool serves) {
    for (auto const& one : all) {
        if (!one.ends || (serves && !one.noted)) continue;
        std::signal(one.number, SIG_DFL);
        if (one.noted) std::raise(one.number);
    }
}

void repeat_early_signals() {
    for (auto const& one : all)
        if (one.noted) std::raise(one.number);
}

} // namespace milter::daemon
