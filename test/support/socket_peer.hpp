// A peer of the daemon in a test: the MTA or a child on a unix socket, blocking, with a limit on every wait.
// Never decides what to say.
#pragma once

#include "wire/frame.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace milter::test {

class socket_peer {
public:
    // is_mta: what it receives are replies.
    socket_peer(std::string name, bool is_mta);
    ~socket_peer();
    socket_peer(socket_peer const&) = delete;
    socket_peer& operator=(socket_peer const&) = delete;

    std::string const& name() const { return name_; }
    bool listen(std::string const& path);
    bool accept(std::chrono::milliseconds patience);
    bool connect(std::string const& path);
    bool write(std::string_view bytes);
    void close();
    bool is_open() const { return socket_ >= 0; }

    // The words of the next packet; "(closed)" or "(nothing)" when there is none.
    std::string next(std::chrono::milliseconds patience);
    // The other side closes, and nothing comes before.
    bool ends(std::chrono::milliseconds patience);
    // Words of a packet that is there already; "" when there is none.
    std::string surplus();

private:
    bool wait(int descriptor, std::chrono::milliseconds patience) const;
    bool read_more(std::chrono::milliseconds patience);

    std::string name_;
    bool is_mta_;
    int listening_ = -1;
    int socket_ = -1;
    bool at_end_ = false;
    wire::frame_reader reader_{std::size_t{1} << 27};
};

} // namespace milter::test
