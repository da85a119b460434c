#include "load/sockets.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::bench {

namespace {

int connected(int family, sockaddr const* to, socklen_t size) {
    int const descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) give_up("no socket: " + std::to_string(errno));
    int const on = 1;
    if (family != AF_UNIX) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(descriptor, to, size) == 0 || errno == EINPROGRESS) return descriptor;
    int const why = errno;
    ::close(descriptor);
    errno = why;
    return -1;
}

} // namespace

void give_up(std::string const& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(1);
}

wire::endpoint endpoint_of(std::string_view spec) {
    auto where = wire::endpoint::parse(spec);
    if (!where) give_up(where.error());
    return *where;
}

int connect_to(wire::endpoint const& where) {
    if (where.family == wire::endpoint::kind::unix_socket) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        where.path.copy(to.sun_path, sizeof to.sun_path - 1);
        return connected(AF_UNIX, reinterpret_cast<sockaddr const*>(&to), sizeof to);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(where.port);
    if (::inet_pton(AF_INET, where.host.c_str(), &to.sin_addr) != 1)
        give_up(where.text() + ": only IPv4 addresses and unix sockets are measured");
    return connected(AF_INET, reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

} // namespace milter::bench
