// The file that holds the number of the running process, for scripts: written once it serves, removed at the
// end. Never touches a file that another process has written since.
#pragma once

#include <string>

#include <tl/expected.hpp>

namespace milter::daemon {

class pid_file {
public:
    // Mode 0644, the number and a line end. The error names the path and says why.
    static tl::expected<pid_file, std::string> write(std::string path);
    pid_file() = default; // no file
    ~pid_file();
    pid_file(pid_file&& other) noexcept;
    pid_file& operator=(pid_file&& other) noexcept;

private:
    std::string path_;
};

} // namespace milter::daemon
