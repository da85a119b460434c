// A file that is to be removed at the end, held by its directory and its identity: whatever becomes of the
// path meanwhile, only the very same file goes. Never opens the file itself.
#pragma once

#include "io/descriptor.hpp"

#include <string>

#include <sys/types.h>

namespace milter::daemon {

class owned_file {
public:
    owned_file() = default; // none
    // The file that is there now; none when there is none.
    explicit owned_file(std::string const& path);

    // 0 when it is gone, also because it had gone or another one is in its place; else the error number.
    int remove() const;
    // -1 for none. It stays the file's.
    int directory() const { return directory_.number(); }

private:
    io::descriptor directory_;
    std::string name_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace milter::daemon
