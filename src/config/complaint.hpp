// One thing that is wrong with a configuration. All of a load are collected and told together; a complaint
// never stops the reading of the rest.
#pragma once

#include <string>

namespace milter::config {

struct complaint {
    std::string where; // "FILE:LINE", an option, or the name of a JSON text; never empty
    std::string what;  // "what is wrong; what is allowed", one line, UTF-8

    std::string text() const { return where + ": " + what; }
    friend bool operator==(complaint const&, complaint const&) = default;
};

} // namespace milter::config
