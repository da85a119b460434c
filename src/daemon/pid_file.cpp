#include "daemon/pid_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace milter::daemon {

tl::expected<pid_file, std::string> pid_file::write(std::string path) {
    auto const failure = [&path] {
        int const number = errno;
        return tl::unexpected("failed to create PID file: " + path + ": " +
                              std::generic_category().message(number));
    };
    // A new file and a rename: whoever reads it never sees half a number, and no link is followed.
    std::string const fresh = path + "." + std::to_string(::getpid());
    int const file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return failure();
    std::string const text = std::to_string(::getpid()) + "\n";
    bool const written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    if (!written || ::rename(fresh.c_str(), path.c_str()) < 0) {
        auto const failed = failure();
        ::unlink(fresh.c_str());
        return failed;
    }
    pid_file kept;
    kept.path_ = std::move(path);
    return kept;
}

pid_file::pid_file(pid_file&& other) noexcept : path_(std::exchange(other.path_, {})) {}

pid_file& pid_file::operator=(pid_file&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
}

pid_file::~pid_file() {
    if (path_.empty()) return;
    long number = 0;
    std::ifstream(path_) >> number;
    if (number == ::getpid()) ::unlink(path_.c_str());
}

} // namespace milter::daemon
