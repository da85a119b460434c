// The real milter-manager as a child process of a test, and what the kernel says that it holds. Ends with its
// owner. Never configures anything.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace milter::test {

class daemon_process {
public:
    // Runs it with that configuration directory, in which its output goes to the file "log".
    daemon_process(std::string const& program, std::string const& directory);
    ~daemon_process();
    daemon_process(daemon_process const&) = delete;
    daemon_process& operator=(daemon_process const&) = delete;

    bool is_running();
    // The exit status after TERM; 128 and the signal when one has killed it.
    int stop();
    std::string log() const;

    // As /proc has it; 0 when the process is gone.
    std::size_t descriptors() const;
    // Files without a name that it holds open.
    std::size_t nameless_files() const;
    // A number of /proc/PID/status: "Threads", "VmRSS" (KiB).
    std::size_t status(std::string_view key) const;

private:
    std::string proc(std::string_view what) const;

    std::string log_;
    pid_t process_ = -1;
    int status_ = 0;
};

} // namespace milter::test
