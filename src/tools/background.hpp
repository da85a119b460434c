// Into the background (manager.daemon, tools F.2): away from the terminal and from whoever started us, who
// waits until we serve and gets our exit status if we never do. For a process with a single thread.
#pragma once

#include "io/descriptor.hpp"

#include <string>

namespace milter::tools {

class background {
public:
    background() = default; // in the foreground: then everything here does nothing
    // Returns in a new process only, without a session's terminal; the old one ends when that one serves or
    // ends. Throws std::system_error. program: who says that it has ended before it served.
    static background detach(std::string const& program);

    explicit operator bool() const { return static_cast<bool>(told_); }
    // Whoever started us gets status 0. From now on: "/" is the directory, and standard input, output and
    // error are nothing.
    void serves();
    // Whoever started us, and still waits, gets this status.
    void ended(int status);

private:
    io::descriptor told_;
};

} // namespace milter::tools
