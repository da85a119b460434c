#include "proxy/warm_line.hpp"

#include <utility>

namespace milter::proxy {

namespace {

constexpr io::deadlines::key the_deadline = 0;

} // namespace

core::failure failure_of(io::lost why) {
    switch (why) {
    case io::lost::closed:
        return core::failure::closed;
    case io::lost::cut:
        return core::failure::cut;
    case io::lost::reset:
        return core::failure::reset;
    case io::lost::garbage:
        return core::failure::garbage;
    case io::lost::no_connection:
        return core::failure::no_connection;
    }
    return core::failure::reset;
}

warm_line::warm_line(boost::asio::io_context& context, core::child_policy const& to,
                     wire::negotiate const& offer, on_change changed)
    : reading_timeout_(to.reading_timeout), idle_(to.pool_idle),
      deadline_(context, [this](io::deadlines::key) { too_late(); }),
      line_(std::make_shared<io::line>(context, *this, most_from_child)), changed_(std::move(changed)) {
    wire::encode(offer_, offer);
    deadline_.arm(the_deadline, to.connection_timeout);
    line_->connect(to.where);
}

warm_line::~warm_line() {
    deadline_.stop();
    if (line_) line_->discard();
}

std::shared_ptr<io::line> warm_line::hand_to(io::line_user& by) {
    deadline_.stop();
    at_ = state::over;
    line_->hand_to(by);
    return std::move(line_);
}

void warm_line::on_connected(io::line& one) {
    connected_ = true;
    deadline_.arm(the_deadline, reading_timeout_);
    one.send(offer_);
    one.flush();
}

void warm_line::on_frame(io::line&, wire::frame const& packet) {
    if (at_ == state::ready || packet.code != wire::negotiate::code)
        return end(core::failure::protocol, "it speaks without having been asked");
    answer_ = packet.payload;
    at_ = state::ready;
    deadline_.arm(the_deadline, idle_);
    auto const tell = changed_; // it may destroy us
    tell(*this);
}

void warm_line::on_lost(io::line&, io::lost why, std::string const& detail) {
    end(failure_of(why), detail);
}

void warm_line::too_late() {
    if (at_ == state::ready) return end(core::failure::late, "pool_idle");
    end(core::failure::late,
        connected_ ? "nothing within reading_timeout" : "not connected within connection_timeout");
}

void warm_line::end(core::failure why, std::string detail) {
    deadline_.stop();
    line_->discard();
    at_ = state::over;
    why_ = why;
    detail_ = std::move(detail);
    auto const tell = changed_; // it may destroy us
    tell(*this);
}

} // namespace milter::proxy
