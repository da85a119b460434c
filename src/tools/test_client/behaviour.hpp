// What milter-test-client answers at a step, from its settings alone, and what it learns of a body. Knows no
// connection: the client does what is decided here.
#pragma once

#include "tools/test_client/settings.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::test_client {

// The first rule of this step that fits; go_on without one. text: what the step is about, e.g. the address.
filter::body_answer answer_at(settings const& told, char step, std::string_view text);

// Looks for texts in a body that comes in pieces.
class body_search {
public:
    explicit body_search(std::vector<std::string> const& patterns) : patterns_(patterns) {}
    void take(std::string_view piece);
    void restart();
    bool found() const { return found_; }

private:
    std::vector<std::string> const& patterns_;
    std::string window_; // the end of what came, one byte shorter than the longest pattern, and the new piece
    bool found_ = false;
};

// Length and FNV-1a, 64 bits, of a body.
struct body_sum {
    std::uint64_t length = 0;
    std::uint64_t fnv1a = 0xCBF29CE484222325;
    void take(std::string_view piece);
};

} // namespace milter::tools::test_client
