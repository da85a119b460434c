#include "daemon/owned_file.hpp"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::daemon {

owned_file::owned_file(std::string const& path) {
    std::filesystem::path const whole(path);
    name_ = whole.filename();
    auto const parent = whole.parent_path();
    io::descriptor directory(::open(parent.empty() ? "." : parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat file {};
    if (!directory || name_.empty() ||
        ::fstatat(directory.number(), name_.c_str(), &file, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    device_ = file.st_dev;
    inode_ = file.st_ino;
    directory_ = std::move(directory);
}

int owned_file::remove() const {
    struct stat file {};
    if (!directory_ || ::fstatat(directory_.number(), name_.c_str(), &file, AT_SYMLINK_NOFOLLOW) < 0 ||
        file.st_dev != device_ || file.st_ino != inode_)
        return 0;
    return ::unlinkat(directory_.number(), name_.c_str(), 0) < 0 ? errno : 0;
}

} // namespace milter::daemon
