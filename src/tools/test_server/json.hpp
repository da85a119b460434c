// The results of milter-test-server as JSON, one object a line. Always valid JSON, whatever bytes a milter
// sends; makes texts, never writes them.
#pragma once

#include "tools/script/player.hpp"
#include "tools/test_server/conversation.hpp"

#include <string>
#include <string_view>

namespace milter::tools::test_server {

std::string json_of(result const& of);
std::string json_of(script::outcome const& of, std::string const& name);

} // namespace milter::tools::test_server
