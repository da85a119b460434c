// parse: JSON from anywhere becomes a snapshot or complaints, never anything else; what it became can be
// shown, and the same text becomes the same again. Input: the JSON of a configuration.
#include "fuzz.hpp"

#include "config/parse.hpp"
#include "config/show.hpp"

using namespace milter;
using fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::as_text(data, size);
    auto const parsed = config::parse(text, "input");
    auto const again = config::parse(text, "input");
    check(parsed.has_value() == again.has_value(), "parsing is stable");
    if (!parsed) {
        check(!parsed.error().empty(), "a refusal has a reason");
        for (auto const& one : parsed.error())
            check(!one.text().empty() && one.text().find('\n') == std::string::npos,
                  "a complaint is one line");
        return 0;
    }
    auto const shown = config::show(*parsed);
    check(shown == config::show(*again), "showing is stable");
    check(shown.ends_with('\n') && !shown.ends_with("\n\n"), "what is shown ends with one line break");
    for (auto const& child : parsed->live.policy.children)
        check(!child.name.empty() || !parsed->milters.empty(), "a child comes from a milter");
    check(parsed->live.policy.children.size() <= parsed->milters.size(), "only milters become children");
    check(parsed->live.policy.chunk_size >= 1 && parsed->live.policy.chunk_size <= 65535,
          "a chunk fits a packet");
    return 0;
}
