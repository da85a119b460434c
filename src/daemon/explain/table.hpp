// What became of a message → the table and the JSON of `explain`, of a running manager and of --explain. Only
// makes text of values; what a peer has said is escaped.
#pragma once

#include "proxy/account.hpp"

#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace milter::daemon::explain {

// What only an MTA of our own knows (--explain).
struct heard {
    std::vector<std::string> recipients; // "<b@y>: accepted"
    std::vector<std::string> edits;      // "add-header X: y"
    bool dry = false;                    // no child was asked
};

std::string table_of(proxy::account const& what, heard const& more = {});
boost::json::object as_json(proxy::account const& what, heard const& more = {});

} // namespace milter::daemon::explain
