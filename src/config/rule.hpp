// What a setting accepts: the one place where types, ranges and allowed words are judged. A rule sees one
// JSON value and never the rest of the configuration.
#pragma once

#include "config/value.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>
#include <tl/expected.hpp>

namespace milter::config {

enum class type {
    text,           // any text
    boolean,        // as in Ruby: all but nil and false is true
    strict_boolean, // true, false, "true", "false"
    integer,        // fractions are cut off
    mode,           // 0 to 0777
    time,           // a number of seconds, fractions allowed
    word,           // one of a list; upper case is as good as lower case, "_" as "-"
    endpoint,       // a connection spec (configuration 4)
    levels,         // log.level (logs 1)
    facility,       // of syslog
    scalar,         // a text or an integer
    macros,         // stage -> names
    conditions,     // a list of names, or of objects with a name
    object,         // a Hash; kept as the text of its JSON
};

// What nil does; a field that can be empty is empty after it.
enum class on_nil { refuse, restore_default, zero };

struct rule {
    config::type type;
    on_nil nil = on_nil::restore_default;
    std::int64_t least = 0; // integer, mode; time: in milliseconds
    std::int64_t most = 0;
    std::span<std::string_view const> words = {};
};

// The value, nil for JSON's null; or what is wrong and what is allowed, without the setting's name:
// `is 5000; an integer from 0 to 1000 is allowed`.
tl::expected<value, std::string> judge(rule const& by, boost::json::value const& given);

// What the rule allows, for complaints and for the documentation: "an integer from 0 to 1000".
std::string allowed(rule const& by);

} // namespace milter::config
