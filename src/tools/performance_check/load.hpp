// Sends the mails: how many at once, when each begins, how often all of them. One thread a worker; prints the
// table of what happens meanwhile. Knows no SMTP.
#pragma once

#include "tools/performance_check/settings.hpp"
#include "tools/performance_check/tally.hpp"

namespace milter::tools::performance_check {

// Until all are sent, or SIGINT or SIGTERM ends it: then those under way are given up. The time that it took.
seconds send_all(settings const& told, std::vector<mail> const& mails, tally& into);

} // namespace milter::tools::performance_check
