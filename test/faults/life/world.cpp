#include "faults/life/world.hpp"

#include <memory>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>

namespace milter::life {

void world::go_deaf(int socket) {
    int const held = ::dup(socket);
    if (held < 0) {
        wrong.emplace_back("this test is out of descriptors");
        return;
    }
    auto const timer = std::make_shared<asio::steady_timer>(context, deaf_for);
    timer->async_wait([timer, held](boost::system::error_code) { ::close(held); });
}

void world::reset_at_close(int socket) {
    linger const at_once{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

} // namespace milter::life
