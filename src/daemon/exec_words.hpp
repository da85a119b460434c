// Words as execve() and posix_spawn() take them. Nothing is copied: the lines must outlive the result and
// stay as they are.
#pragma once

#include <string>
#include <vector>

namespace milter::daemon {

// One pointer a line, and the null pointer that ends them.
inline std::vector<char*> exec_words(std::vector<std::string>& lines) {
    std::vector<char*> all;
    for (auto& line : lines)
        all.push_back(line.data());
    all.push_back(nullptr);
    return all;
}

} // namespace milter::daemon
