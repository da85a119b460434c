#include "proxy/rescue.hpp"

#include <utility>

namespace milter::proxy {

namespace {

// What is repeated is what comes before the first answer: a few commands, unless the child answers nothing.
constexpr std::size_t most_repeated = 64 * 1024;

// After its end a child may have done something for good with a message.
bool has_end_of_message(std::string_view packets) {
    while (auto const one = wire::take_frame(packets))
        if (one->code == wire::end_of_message::code) return true;
    return false;
}

} // namespace

void rescue::told(std::string_view packets) {
    if (!repeatable_) return;
    repeatable_ = told_.size() + packets.size() <= most_repeated && !has_end_of_message(packets);
    if (repeatable_) told_ += packets;
}

bool rescue::can_mend(io::lost why) const {
    return repeatable_ && !again_ && (why == io::lost::closed || why == io::lost::reset);
}

void rescue::begin(boost::asio::io_context& context, core::child_policy const& child, io::line_user& by,
                   on_outcome done) {
    again_ = std::make_unique<warm_line>(
        context, child, offer_, [this, &by, done = std::move(done)](warm_line&) { done(result(by)); });
}

rescue::outcome rescue::result(io::line_user& by) {
    if (again_->at() != warm_line::state::ready) return {nullptr, again_->why(), again_->detail()};
    if (!repeatable_)
        return {nullptr, core::failure::limit, "too much was said on a connection that was lost"};
    if (again_->answer() != answer_)
        return {nullptr, core::failure::protocol, "it agrees to something else than before"};
    auto line = again_->hand_to(by);
    line->send(told_);
    return {std::move(line), {}, {}};
}

} // namespace milter::proxy
