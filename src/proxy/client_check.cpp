#include "proxy/client_check.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace milter::proxy {

namespace {

core::client inet_end(int family, void const* address, std::uint16_t port) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, address, text.data(), text.size());
    auto const ip = core::parse_address(text.data());
    // An IPv4 client of a socket for both is one of IPv4.
    return {"", ip && ip->v6 ? '6' : '4', text.data(), ntohs(port), ip};
}

// name: getpeername or getsockname.
core::client client_at(int socket, int (*name)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage where{};
    auto* const data = reinterpret_cast<sockaddr*>(&where);
    socklen_t size = sizeof where - 1; // a path may fill it, without a NUL
    if (name(socket, data, &size) < 0) return {};
    if (data->sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, data, sizeof in);
        return inet_end(AF_INET, &in.sin_addr, in.sin_port);
    }
    if (data->sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, data, sizeof in);
        return inet_end(AF_INET6, &in.sin6_addr, in.sin6_port);
    }
    if (data->sa_family != AF_UNIX) return {};
    sockaddr_un un{};
    std::memcpy(&un, data, std::min<std::size_t>(sizeof un - 1, size));
    return {"", 'L', un.sun_path, 0, {}}; // "" when it is not bound, as that of most clients
}

io::far_end far_end_of(core::ip_address const& address, std::uint16_t port) {
    io::far_end made;
    made.port = port;
    if (address.v6) {
        made.address = address.bytes;
    } else {
        made.address[10] = made.address[11] = 0xFF;
        std::copy_n(address.bytes.begin(), 4, made.address.begin() + 12);
    }
    return made;
}

bool is_loopback(core::ip_address const& address) {
    constexpr core::ip_address one{true, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return address.v6 ? address == one : address.bytes[0] == 127;
}

// As Ruby shows it (configuration 7.1).
std::string shown(core::client const& client) {
    return fmt::format("{}:{}@[{}]", client.family == '6' ? "inet6" : "inet", client.port, client.address);
}

} // namespace

// From one address of a host to another one of it, the kernel takes that one at both ends. A private address
// is not enough: that host has a table of its own.
bool mta_ends::on_this_host() const {
    return mta.family == 'L' || (mta.ip && (is_loopback(*mta.ip) || mta.ip == us.ip));
}

mta_ends ends_of(int socket) {
    return {client_at(socket, ::getpeername), client_at(socket, ::getsockname)};
}

// One asking of all.
struct client_check::round {
    std::size_t open = 1; // answers to come, and the end of the asking
    std::function<void(bool)> told;
};

void client_check::ask(core::question const& what, std::weak_ptr<void> const& asker,
                       std::function<void(bool)> told) {
    auto const one = std::make_shared<round>(round{.told = std::move(told)});
    if (by_ && by_->table) ask_table(what.client, asker, one);
    if (by_ && by_->ruby && by_->blocks) ask_blocks(what, asker, one);
    boost::asio::post(*context_, [this, asker, one] {
        if (auto const alive = asker.lock()) answered(*one, "");
    });
}

void client_check::ask_table(core::client const& client, std::weak_ptr<void> const& asker,
                             std::shared_ptr<round> const& one) {
    bool const inet = client.family == '4' || client.family == '6';
    if (!inet || !client.ip || !ends_.on_this_host()) return;
    if (client.port == 0) {
        if (!std::exchange(told_no_port_, true)) report_.client_port_unknown(shown(client));
        return;
    }
    ++one->open;
    by_->table->ask(far_end_of(*client.ip, client.port), asker, context_,
                    [this, one](bool gone) { answered(*one, gone ? by_->table_name : ""); });
}

// A question each, so that one that hangs keeps none of the others from its time.
void client_check::ask_blocks(core::question const& what, std::weak_ptr<void> const& asker,
                              std::shared_ptr<round> const& one) {
    for (core::child_index i = 0; i < by_->blocks->questions.size(); ++i) {
        auto about = std::make_shared<core::question>(what);
        about->items = {{i, i, {}}};
        ++one->open;
        at_hand more{{}, {}, ends_.mta};
        by_->ruby->ask({std::move(about), by_->blocks, std::move(more), asker, context_,
                        [this, asker, i, one](ruby_answer const& got) {
                            if (auto const alive = asker.lock()) heard(i, got, *one);
                        }});
    }
}

void client_check::heard(core::child_index checker, ruby_answer const& got, round& one) {
    auto const& name = by_->blocks->children.at(checker).name;
    for (auto const& failure : got.failures)
        if (failed_.insert(checker).second) report_.checker_failed(name, failure.text);
    bool const gone = !got.answers.empty() && got.answers.front().says == core::truth::no;
    answered(one, gone ? name : "");
}

// The first who is sure decides.
void client_check::answered(round& one, std::string const& gone_by) {
    --one.open;
    if (!one.told || (gone_by.empty() && one.open > 0)) return;
    if (!gone_by.empty()) missed_by_ = gone_by;
    std::exchange(one.told, nullptr)(!gone_by.empty());
}

} // namespace milter::proxy
