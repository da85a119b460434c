// The output of milter-test-server, to the letter: other programs parse it (tools A.5, A.6, A.7). Makes
// texts, never writes them.
#pragma once

#include "tools/test_server/conversation.hpp"

#include <string>
#include <string_view>

namespace milter::tools::test_server {

// "status: ...", "elapsed-time: ...", the reason of a quarantine.
std::string result_text(result const& of);
// The envelope, the header and the body with what the milter changed.
std::string message_text(message const& mail, bool color);
// " [550]<5.7.1>(Go away)" of a reply code; "" of "".
std::string reply_text(std::string_view reply);

} // namespace milter::tools::test_server
