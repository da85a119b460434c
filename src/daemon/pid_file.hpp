// The file that holds the number of the running process, for scripts: written once it serves, removed at the
// end. Held by its directory, so that nobody can lead it elsewhere meanwhile; never touches a file that
// another process has written since.
#pragma once

#include "io/descriptor.hpp"

#include <string>

#include <sys/types.h>

namespace milter::daemon {

class pid_file {
public:
    pid_file() = default; // none, until use()
    // This one, of this process; nothing is written yet.
    void use(std::string path);
    ~pid_file(); // remove()
    pid_file(pid_file const&) = delete;
    pid_file& operator=(pid_file const&) = delete;

    // Mode 0644, the number and a line end. 0, or the error number.
    int write();
    // "failed to create PID file: ..."
    std::string failure(int number) const;
    // 0 when it is gone, or not ours any more; else the error number.
    int remove();
    // Another process is about to write it: this one does not remove it.
    void leave() { written_ = false; }

    // -1 when there is none. It stays the file's.
    int directory() const { return directory_.number(); }

private:
    bool is_ours() const;

    std::string path_;
    std::string name_;
    io::descriptor directory_;
    int no_directory_ = 0; // why
    pid_t number_ = -1;
    bool written_ = false;
};

} // namespace milter::daemon
