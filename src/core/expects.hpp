// What holds as long as the program has no mistake. Whoever runs sessions catches broken_invariant, ends that
// one session and counts it; tests and fuzzers do not catch it, and so abort. Never for what a peer or an
// administrator can get wrong.
#pragma once

#include <stdexcept>

namespace milter::core {

class broken_invariant : public std::logic_error {
public:
    // file: a literal.
    broken_invariant(char const* what, char const* file, unsigned line)
        : std::logic_error(what), file_(file), line_(line) {}
    char const* file() const { return file_; }
    unsigned line() const { return line_; }

private:
    char const* file_;
    unsigned line_;
};

// what: the invariant, in words; a literal, as it is not copied before it is needed. The rest is the caller's
// place (clang 14 has no std::source_location).
inline void expects(bool holds, char const* what, char const* file = __builtin_FILE(),
                    unsigned line = __builtin_LINE()) {
    if (!holds) [[unlikely]]
        throw broken_invariant(what, file, line);
}

} // namespace milter::core
