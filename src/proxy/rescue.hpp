// The first use of a connection out of the pool: remembers what the child was told until it says something,
// so that a connection which turns out dead before can be replaced by a new one, told the same, without
// costing the child's fallback (chain V.5). At most once, and never behind an end of message.
#pragma once

#include "core/policy.hpp"
#include "io/line.hpp"
#include "proxy/warm_line.hpp"
#include "wire/command.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace milter::proxy {

class rescue {
public:
    // What became of begin(): the new line, which was told everything and is to be flushed, or why there is
    // none. Called at most once, never from inside begin(); the owner may destroy the rescue there.
    struct outcome {
        std::shared_ptr<io::line> line;
        core::failure why = core::failure::closed;
        std::string detail;
    };
    using on_outcome = std::function<void(outcome)>;

    // answer: what the child said to the offer on the connection out of the pool.
    rescue(wire::negotiate const& offer, std::string answer) : offer_(offer), answer_(std::move(answer)) {}

    // The child is told these whole packets (also while the new line is being made).
    void told(std::string_view packets);
    // It is told something that cannot be repeated.
    void give_up() { repeatable_ = false; }
    // A loss of that kind, now, can be mended.
    bool can_mend(io::lost why) const;
    // Makes a new connection; it must agree to the same. `by` is told by the new line.
    void begin(boost::asio::io_context& context, core::child_policy const& child, io::line_user& by,
               on_outcome done);

private:
    outcome result(io::line_user& by);

    wire::negotiate offer_;
    std::string answer_;
    std::string told_;
    bool repeatable_ = true;
    std::unique_ptr<warm_line> again_;
};

} // namespace milter::proxy
