// The rules that a milter is measured by, and what was found about each. Plain values; knows no sockets and
// decides nothing.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace milter::tools::conformance {

struct rule {
    std::string_view word;
    std::string_view sentence; // what a milter that keeps it does
    std::string_view clause;   // of docs/protocol.md
};
// In the order in which they are tried and shown.
std::span<rule const> all_rules();
rule const* find_rule(std::string_view word);

struct finding {
    enum class kind { not_tried, passed, broken };
    kind is = kind::not_tried;
    std::string why; // what came and where; or why it was not tried
};

// The words are those of all_rules().
class findings {
public:
    // Something spoke of this rule; it counts as kept unless it is broken, before or behind.
    void seen(std::string_view word);
    // The first breach is the one that is told.
    void broken(std::string_view word, std::string what);
    // Ignored when it was tried; the first reason is the one that is told.
    void not_tried(std::string_view word, std::string why);

    finding of(std::string_view word) const;

private:
    std::map<std::string, finding, std::less<>> found_;
};

} // namespace milter::tools::conformance
