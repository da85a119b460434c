// The way to the system's log: one datagram a line to its socket, as syslog(3) would write it (logs 2). Never
// waits: what a full socket does not take is counted, and the loss is told with the next line that gets
// through.
#pragma once

#include "observe/log.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace milter::observe {

// LOG_MAIL, ... by name in any case; every other name is mail (logs 2).
int facility_by_name(std::string_view name);
// LOG_CRIT, ... of a level (logs 2).
int priority_of(level one);

class syslog_socket {
public:
    // Connects with the first line, and again when the daemon was restarted.
    syslog_socket(std::string path, std::string ident, int facility);
    ~syslog_socket();
    syslog_socket(syslog_socket const&) = delete;
    syslog_socket& operator=(syslog_socket const&) = delete;

    // text: escaped, one line; more than 8 KiB are cut. From any thread. False: it was not taken.
    bool write(level at, std::string_view text);

private:
    bool deliver(level at, std::string_view text);
    bool open();
    void close();

    std::string path_;
    std::string ident_;
    int facility_;
    std::mutex lock_;
    int socket_ = -1;
    std::uint64_t lost_ = 0;
};

} // namespace milter::observe
