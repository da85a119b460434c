// One connection to a child that no session has yet: connects, makes the offer, keeps the answer, waits. Says
// nothing but the offer, and knows nothing of sessions (chain V.5). On the thread of its io_context.
#pragma once

#include "core/event.hpp"
#include "core/policy.hpp"
#include "io/deadline.hpp"
#include "io/line.hpp"
#include "wire/command.hpp"

#include <functional>
#include <memory>
#include <string>

namespace milter::proxy {

// Payload bytes of one packet of a child, some of which send a whole body at once (protocol 1).
inline constexpr std::size_t most_from_child = 64 * 1024 * 1024;

class warm_line final : public io::line_user {
public:
    enum class state {
        dialling, // connecting, or waiting for the answer
        ready,
        over, // failed, closed, too old, or handed to somebody
    };
    // Called when it becomes ready and when it is over, never from inside a call of its owner; the owner may
    // destroy it there.
    using on_change = std::function<void(warm_line&)>;

    // `to` is looked at in here only. Its connection_timeout, reading_timeout and pool_idle hold.
    warm_line(boost::asio::io_context& context, core::child_policy const& to, wire::negotiate const& offer,
              on_change changed);
    ~warm_line();
    warm_line(warm_line const&) = delete;
    warm_line& operator=(warm_line const&) = delete;

    state at() const { return at_; }
    // Ready, and the child has not closed or spoken since, as far as the system knows.
    bool usable() { return at_ == state::ready && line_->is_silent(); }
    // The payload of the child's answer to the offer.
    std::string const& answer() const { return answer_; }
    // Why it is over, for the log.
    core::failure why() const { return why_; }
    std::string const& detail() const { return detail_; }

    // Only while ready. It is over then, without a callback.
    std::shared_ptr<io::line> hand_to(io::line_user& by);

private:
    void on_connected(io::line&) override;
    void on_frame(io::line&, wire::frame const& packet) override;
    void on_lost(io::line&, io::lost why, std::string const& detail) override;
    void too_late();
    void end(core::failure why, std::string detail);

    state at_ = state::dialling;
    bool connected_ = false;
    std::string offer_; // the packet
    std::string answer_;
    core::failure why_ = core::failure::closed;
    std::string detail_;
    core::milliseconds reading_timeout_;
    core::milliseconds idle_;
    io::deadlines deadline_;
    std::shared_ptr<io::line> line_;
    on_change changed_;
};

// A lost line as the core calls it.
core::failure failure_of(io::lost why);

} // namespace milter::proxy
