#include "daemon/handover_message.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace milter::daemon {

namespace {

namespace json = boost::json;
using kind = handover_message::kind;
using broken = tl::unexpected<std::string>;

constexpr std::int64_t our_version = 1;
constexpr std::size_t longest = 16 * 1024; // bytes
constexpr std::size_t most_sockets = 8;

json::object as_json(handover_message const& what) {
    json::object to{{"version", our_version}};
    if (what.what == kind::want) to["want"] = "sockets";
    if (what.what == kind::left) to["left"] = true;
    if (what.what == kind::error) to["error"] = what.error;
    if (what.what == kind::serving) {
        to["serving"] = json::array(what.names.begin(), what.names.end());
        to["pid"] = what.pid;
    }
    if (what.what == kind::sockets) {
        auto& all = to["sockets"].emplace_array();
        for (auto const& one : what.sockets)
            all.push_back(json::object{
                {"name", one.name}, {"endpoint", one.where.text()}, {"remove", one.file_is_ours}});
    }
    return to;
}

std::string text_of(json::object const& in, std::string_view key) {
    auto const* const found = in.if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
}

using read = tl::expected<handover_message, std::string>;

read sockets_from(json::array const& all, handover_message message) {
    message.what = kind::sockets;
    for (auto const& one : all) {
        if (!one.is_object()) return broken("a socket is no object");
        auto const& from = one.as_object();
        auto where = wire::endpoint::parse(text_of(from, "endpoint"));
        if (!where) return broken(where.error());
        auto const* const remove = from.if_contains("remove");
        message.sockets.push_back({text_of(from, "name"), std::move(*where),
                                   remove != nullptr && remove->is_bool() && remove->as_bool()});
    }
    if (message.sockets.size() != message.came.size())
        return broken("it names " + std::to_string(message.sockets.size()) + " sockets and sends " +
                      std::to_string(message.came.size()));
    return message;
}

read from_json(std::string_view text, std::vector<io::descriptor> came) {
    boost::system::error_code wrong;
    auto const parsed = json::parse(text, wrong);
    if (wrong || !parsed.is_object()) return broken("not a JSON object");
    auto const& from = parsed.as_object();
    handover_message message;
    message.came = std::move(came);
    if (from.contains("error")) {
        message.error = text_of(from, "error");
        return message;
    }
    auto const* const version = from.if_contains("version");
    if (version == nullptr || !version->is_int64() || version->as_int64() != our_version)
        return broken("another version of the handover: " +
                      (version != nullptr ? json::serialize(*version) : "none"));
    if (auto const* const all = from.if_contains("sockets"); all != nullptr && all->is_array())
        return sockets_from(all->as_array(), std::move(message));
    auto const* const serving = from.if_contains("serving");
    if (from.contains("want")) {
        message.what = kind::want;
    } else if (from.contains("left")) {
        message.what = kind::left;
    } else if (serving != nullptr && serving->is_array()) {
        message.what = kind::serving;
        for (auto const& one : serving->as_array())
            if (one.is_string()) message.names.emplace_back(one.as_string());
        auto const* const pid = from.if_contains("pid");
        if (pid == nullptr || !pid->is_int64() || pid->as_int64() <= 0 || pid->as_int64() > INT32_MAX)
            return broken("no process number");
        message.pid = static_cast<pid_t>(pid->as_int64());
    } else {
        return broken("none of its words is known");
    }
    return message;
}

constexpr std::size_t room_for_descriptors = CMSG_SPACE(sizeof(int) * most_sockets);

std::vector<io::descriptor> descriptors_in(msghdr& message) {
    std::vector<io::descriptor> found;
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        auto const count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        std::array<int, most_sockets> numbers{};
        std::memcpy(numbers.data(), CMSG_DATA(part), count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i)
            found.emplace_back(numbers.at(i));
    }
    return found;
}

} // namespace

bool send_message(int to, handover_message const& what) {
    auto text = json::serialize(as_json(what));
    iovec bytes{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, room_for_descriptors> room{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (what.sockets.size() > most_sockets) return false;
    if (!what.sockets.empty()) {
        message.msg_control = room.data();
        message.msg_controllen = CMSG_SPACE(sizeof(int) * what.sockets.size());
        auto* const part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * what.sockets.size());
        for (std::size_t i = 0; i < what.sockets.size(); ++i)
            std::memcpy(CMSG_DATA(part) + i * sizeof(int), &what.sockets[i].descriptor, sizeof(int));
    }
    ssize_t sent = 0;
    do
        sent = ::sendmsg(to, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(text.size());
}

tl::expected<handover_message, std::string> receive_message(int from) {
    std::string text(longest, '\0');
    iovec bytes{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, room_for_descriptors> room{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    ssize_t got = 0;
    bool again = false;
    do {
        got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
        // Who closes without having read everything may still have said why.
        again = got < 0 && (errno == EINTR || (errno == ECONNRESET && !again));
    } while (again);
    if (got < 0 && errno == EAGAIN) return broken("it does not answer");
    if (got < 0) return broken(std::generic_category().message(errno));
    auto came = descriptors_in(message);
    if (got == 0) return broken("it has closed the connection");
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return broken("a packet too long");
    return from_json(std::string_view(text).substr(0, static_cast<std::size_t>(got)), std::move(came));
}

bool is_of(int peer, uid_t uid) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return false;
    return who.uid == 0 || who.uid == uid;
}

tl::expected<std::string, std::string> handover_path(config::snapshot const& of) {
    constexpr std::string_view suffix = ".handover";
    std::string beside;
    auto const& where = of.sockets.manager.where;
    if (of.fixed.pid_file)
        beside = *of.fixed.pid_file;
    else if (where && where->family == wire::endpoint::kind::unix_socket)
        beside = where->path;
    else
        return broken("a running milter-manager is found beside manager.pid_file, or beside the unix "
                      "socket of manager.connection_spec: set manager.pid_file");
    auto path = beside + std::string(suffix);
    constexpr std::size_t most = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() > most)
        return broken(path + " is too long for a socket: give manager.pid_file a shorter path");
    return path;
}

} // namespace milter::daemon
