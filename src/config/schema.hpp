// The JSON Schema (draft 2020-12) of the JSON that `parse` reads, made of the same tables. What it refuses,
// parse refuses, but for booleans: there only true, false and null fit, while parse takes anything as Ruby
// does. What only a whole configuration or a parser of its own can tell is not in it: regular expressions,
// addresses, names of conditions, names that are there twice.
#pragma once

#include <boost/json/object.hpp>

namespace milter::config {

boost::json::object schema();

boost::json::object array_of(boost::json::object items);

// The part "$defs": conditions, rules, expressions, patterns.
boost::json::object condition_schemas();

} // namespace milter::config
