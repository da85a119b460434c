// Answers of the manager as text for people. What is missing in an answer is left out, and nothing in one can
// do anything to a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace milter::tools::controller {

std::string status_text(boost::json::object const& answer);
std::string sessions_text(boost::json::object const& answer);
// What has changed, or every complaint.
std::string reload_text(boost::json::object const& answer);
std::string complaints_text(boost::json::object const& answer);

// For top: the same table, with what happened since the answer before (none: empty) a second.
std::string top_text(boost::json::object const& answer, boost::json::object const& before, double seconds);

// Without control characters.
std::string safe(std::string_view text);
// The member as text, "" when there is none.
std::string text_of(boost::json::object const& from, std::string_view member);

} // namespace milter::tools::controller
