#include "daemon/control/server.hpp"

#include "daemon/control/client.hpp"

#include <algorithm>
#include <utility>

namespace milter::daemon::control {

server::server(boost::asio::io_context& context, observe::log& log, limits at_most, carry_out perform)
    : context_(context), log_(log), limits_(at_most), perform_(std::move(perform)) {}

server::~server() {
    stop();
}

void server::listen(int descriptor) {
    listener_.reset();
    if (descriptor < 0) return;
    listener_ = std::make_unique<io::listener>(
        context_, descriptor, [this](io::descriptor from) { accepted(std::move(from)); },
        [this](std::string const& why) {
            log_.event(observe::level::warning, "accept_paused", {{"error", why}},
                       "on the control socket; raise manager.max_file_descriptors");
        });
    listener_->start();
}

void server::stop() {
    listener_.reset();
    for (auto const& one : std::exchange(clients_, {}))
        one->close();
}

void server::accepted(io::descriptor from) {
    if (clients_.size() >= limits_.clients && !make_room()) return;
    clients_.push_back(std::make_shared<client>(*this, io::stream_of(context_, std::move(from))));
    clients_.back()->start();
}

// Whoever has been silent for the longest time goes, so that an operator always gets in.
bool server::make_room() {
    auto const idle =
        std::find_if(clients_.begin(), clients_.end(), [](auto const& one) { return !one->busy(); });
    if (idle == clients_.end()) return false;
    over(**idle);
    return true;
}

void server::heard(client const& one) {
    auto const found =
        std::find_if(clients_.begin(), clients_.end(), [&](auto const& each) { return each.get() == &one; });
    if (found != clients_.end()) clients_.splice(clients_.end(), clients_, found);
}

void server::over(client const& one) {
    auto const found =
        std::find_if(clients_.begin(), clients_.end(), [&](auto const& each) { return each.get() == &one; });
    if (found == clients_.end()) return;
    auto const gone = std::move(*found);
    clients_.erase(found);
    gone->close();
}

} // namespace milter::daemon::control
