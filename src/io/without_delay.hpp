// What is written to a TCP connection goes out at once (tcp(7), TCP_NODELAY), as words that somebody waits
// for must. Never for files or pipes.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace milter::io {

// Without effect on unix sockets, which have no such delay.
inline void without_delay(int descriptor) {
    int const on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace milter::io
