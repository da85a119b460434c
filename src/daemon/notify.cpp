#include "daemon/notify.hpp"

#include <cstdint>
#include <ctime>
#include <string>

#include <systemd/sd-daemon.h>

namespace milter::daemon::notify {

namespace {

void say(std::string const& what) {
    ::sd_notify(0, what.c_str());
}

std::string monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000);
}

} // namespace

void ready() {
    say("READY=1");
}

void reloading() {
    say("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
}

void stopping() {
    say("STOPPING=1");
}

void status(std::string_view line) {
    say("STATUS=" + std::string(line));
}

void main_process(pid_t number) {
    say("MAINPID=" + std::to_string(number));
}

std::chrono::microseconds watchdog() {
    std::uint64_t interval = 0;
    if (::sd_watchdog_enabled(0, &interval) <= 0) return {};
    return std::chrono::microseconds(interval);
}

void alive() {
    say("WATCHDOG=1");
}

} // namespace milter::daemon::notify
