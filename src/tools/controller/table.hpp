// Columns of text: each as wide as its widest cell, the last one as long as it is. Knows nothing of what is
// in it, and never wraps.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::controller {

class table {
public:
    // A name that begins with ">" is of numbers: to the right.
    explicit table(std::vector<std::string> names);
    void add(std::vector<std::string> cells);
    // One line each, the names first.
    std::string text() const;

private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace milter::tools::controller
