#include "config/summary.hpp"

#include "config/inspect.hpp"
#include "config/pending.hpp"

#include <fmt/format.h>

namespace milter::config {

namespace {

std::string place(milter const& one) {
    auto const found = one.locations.find("enabled");
    return found == one.locations.end() ? "" : " at " + found->second;
}

std::string conditions(milter const& one) {
    std::string text;
    for (auto const& name : one.applicable_conditions)
        text += (text.empty() ? ", if " : " and ") + inspect(name);
    return text;
}

} // namespace

std::string summary(snapshot const& what) {
    std::string text = "The configuration is right.\nRead:";
    for (auto const& file : what.files)
        text += " " + file;
    text += fmt::format("\nListen on {}\n", what.sockets.manager.where->written);
    std::string idle;
    std::size_t n = 0;
    for (auto const& one : what.milters) {
        auto const called = inspect(one.child.name);
        if (!one.enabled) {
            idle += fmt::format("Not asked: {} (disabled{})\n", called, place(one));
            continue;
        }
        text +=
            fmt::format("Milter {}: {} on {}, fallback {}{}{}{}\n", ++n, called, one.where->written,
                        word(one.child.on_failure), one.child.evaluation_mode ? ", evaluation mode" : "",
                        one.child.parallel_group ? ", in group " + inspect(*one.child.parallel_group) : "",
                        conditions(one));
    }
    if (n == 0) text += "No milter: all mail passes unfiltered.\n";
    for (auto const& one : without_effect(what))
        idle += one + "\n";
    for (auto const& one : detection_warnings(what))
        idle += one + "\n";
    return text + idle;
}

} // namespace milter::config
