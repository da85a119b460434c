// What a session is at, for who looks on.
#include "core/session.hpp"

#include <algorithm>

namespace milter::core {

// Of a child in evaluation mode, only behind the MTA's end (chain P64).
bool session::waits_for(child const& one) const {
    if (one.evaluated() != mta_gone_) return false;
    auto const owes = [](child::owed const& debt) { return !debt.overtaken; };
    return one.settling() || std::any_of(one.owes.begin(), one.owes.end(), owes);
}

session::sight session::look() const {
    sight seen;
    seen.at = last_command_;
    seen.client_host = shared_.client.host;
    seen.client_address = shared_.client.address;
    if (shared_.mail) seen.sender = shared_.mail->sender;
    seen.queue_id = shared_.queue_id();
    if (!waiting() && !mta_gone_) return seen;
    for (child_index i = 0; i < shared_.children.size(); ++i)
        if (waits_for(shared_.children.at(i))) seen.children.push_back(i);
    seen.waits = seen.children.empty() ? sight::awaited::conditions : sight::awaited::children;
    return seen;
}

} // namespace milter::core
