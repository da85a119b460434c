#include "daemon/pid_file.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::daemon {

void pid_file::use(std::string path) {
    path_ = std::move(path);
    number_ = ::getpid();
    std::filesystem::path const whole(path_);
    auto const parent = whole.parent_path();
    name_ = whole.filename();
    directory_ =
        io::descriptor(::open(parent.empty() ? "." : parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) no_directory_ = errno;
}

pid_file::~pid_file() {
    remove();
}

std::string pid_file::failure(int number) const {
    return "failed to create PID file: " + path_ + ": " + std::generic_category().message(number);
}

int pid_file::write() {
    if (!directory_) return no_directory_;
    // To replace a file is all right, and a link; not a device, or somebody's socket.
    struct stat there {};
    if (::fstatat(directory_.number(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
        return S_ISDIR(there.st_mode) ? EISDIR : EEXIST;
    // A new file and a rename: whoever reads it never sees half a number, and no link is followed.
    auto const fresh = name_ + "." + std::to_string(number_);
    int const in = directory_.number();
    io::descriptor file(
        ::openat(in, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file) return errno;
    auto const text = std::to_string(number_) + "\n";
    auto const size = ::write(file.number(), text.data(), text.size());
    int failed = size == static_cast<ssize_t>(text.size()) ? 0 : size < 0 ? errno : ENOSPC;
    if (failed == 0 && ::renameat(in, fresh.c_str(), in, name_.c_str()) < 0) failed = errno;
    if (failed != 0) ::unlinkat(in, fresh.c_str(), 0);
    written_ = failed == 0;
    return failed;
}

int pid_file::remove() {
    if (!std::exchange(written_, false) || !is_ours()) return 0;
    return ::unlinkat(directory_.number(), name_.c_str(), 0) == 0 ? 0 : errno;
}

bool pid_file::is_ours() const {
    io::descriptor const file(::openat(directory_.number(), name_.c_str(),
                                       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    std::array<char, 32> text{};
    auto const size = file ? ::read(file.number(), text.data(), text.size()) : -1;
    if (size <= 0) return false;
    pid_t found = -1;
    std::from_chars(text.data(), text.data() + size, found);
    return found == number_;
}

} // namespace milter::daemon
