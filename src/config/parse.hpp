// The JSON of a configuration (docs/configuration-json.md) -> snapshot, or everything that is wrong with it
// at once. Never reads a file, never runs anything, never throws for input.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>
#include <tl/expected.hpp>

namespace milter::config {

// A value from the command line: wins over the files and has no location of its own.
struct override_value {
    std::string section; // "manager"
    std::string name;    // "n_workers"
    boost::json::value to;
    std::string where; // "--n-workers"
};

// source: named in complaints about what has no location, e.g. the file's name.
tl::expected<snapshot, std::vector<complaint>> parse(std::string_view json, std::string_view source,
                                                     std::span<override_value const> overrides = {});

// What would be wrong with this value; nothing when it is right.
std::optional<complaint> problem_of(override_value const& given);

} // namespace milter::config
