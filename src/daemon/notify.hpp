// What the service manager is told (sd_notify(3)) when the process runs as a service of type "notify";
// nothing happens, and nobody is told of a failure, when it does not. Must never decide when something is so.
#pragma once

#include <chrono>
#include <string_view>

#include <sys/types.h>

namespace milter::daemon::notify {

void ready();
// Until the next ready(); also when the reload failed.
void reloading();
void stopping();
// One line for people.
void status(std::string_view line);
// Another process is the service from now on.
void main_process(pid_t number);

// How often alive() is expected; zero = nobody watches.
std::chrono::microseconds watchdog();
void alive();

} // namespace milter::daemon::notify
