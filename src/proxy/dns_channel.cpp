#include "proxy/dns_channel.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::proxy {

namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

// One server is asked twice, for 1.5 s and for 3 s, so that its silence is known within the 5 s of a list.
constexpr int first_try_ms = 1500;
constexpr int tries = 2;
// How often c-ares looks for questions whose try is over; its own clock, not the one of lists.
constexpr std::chrono::milliseconds tick{100};

constexpr seconds longest{24 * 60 * 60};
constexpr seconds shortest_absence{1};
constexpr seconds usual_absence{60}; // when the answer does not say
constexpr int most_addresses = 64;   // of one name; more than any list gives

int library_ready() {
    static int const status = ares_library_init(ARES_LIB_INIT_ALL);
    return status;
}

// How long an absence holds: the SOA of the authority section, its minimum or what is left of its own time.
seconds absence(unsigned char const* packet, int size) {
    ns_msg message{};
    if (packet == nullptr || ns_initparse(packet, size, &message) != 0) return usual_absence;
    for (int i = 0; i < ns_msg_count(message, ns_s_ns); ++i) {
        ns_rr record{};
        if (ns_parserr(&message, ns_s_ns, i, &record) != 0) break;
        constexpr std::size_t minimum_size = 4; // the last field
        if (ns_rr_type(record) != ns_t_soa || ns_rr_rdlen(record) < minimum_size) continue;
        auto const* const minimum = ns_rr_rdata(record) + ns_rr_rdlen(record) - minimum_size;
        auto const holds = std::min<std::uint64_t>(ns_rr_ttl(record), ns_get32(minimum));
        return std::clamp(seconds(holds), shortest_absence, longest);
    }
    return usual_absence;
}

dns_answer understand(int status, unsigned char const* packet, int size) {
    std::array<ares_addrttl, most_addresses> found{};
    int count = most_addresses;
    if (status == ARES_SUCCESS) status = ares_parse_a_reply(packet, size, nullptr, found.data(), &count);
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        return {dns_answer::kind::none, {}, absence(packet, size), {}};
    if (status != ARES_SUCCESS) return {dns_answer::kind::failed, {}, seconds(0), ares_strerror(status)};
    dns_answer made{dns_answer::kind::found, {}, longest, {}};
    for (int i = 0; i < count; ++i) {
        core::ip_address address;
        std::memcpy(address.bytes.data(), &found.at(static_cast<std::size_t>(i)).ipaddr, sizeof(in_addr));
        made.addresses.push_back(address);
        made.holds = std::clamp(seconds(found.at(static_cast<std::size_t>(i)).ttl), seconds(0), made.holds);
    }
    return made;
}

} // namespace

struct dns_channel::state {
    // A socket of c-ares, which opens and closes it; we only wait.
    struct socket : std::enable_shared_from_this<socket> {
        socket(state& of, int descriptor) : owner(&of), waits(of.context), number(descriptor) {
            boost::system::error_code refused; // then its questions end by their time
            waits.assign(descriptor, refused);
        }

        void want(bool reading, bool writing) {
            reads = reading;
            writes = writing;
            wait(asio::posix::stream_descriptor::wait_read);
            wait(asio::posix::stream_descriptor::wait_write);
        }
        void wait(asio::posix::stream_descriptor::wait_type what) {
            bool const to_read = what == asio::posix::stream_descriptor::wait_read;
            auto& waiting = to_read ? reading_waits : writing_waits;
            if (!waits.is_open() || !(to_read ? reads : writes) || std::exchange(waiting, true)) return;
            waits.async_wait(what, [self = shared_from_this(), what, to_read](boost::system::error_code) {
                (to_read ? self->reading_waits : self->writing_waits) = false;
                if (!self->owner || !(to_read ? self->reads : self->writes)) return;
                auto const to = self->owner->channel;
                ares_process_fd(to, to_read ? self->number : ARES_SOCKET_BAD,
                                to_read ? ARES_SOCKET_BAD : self->number);
                if (self->owner) self->wait(what);
            });
        }
        void gone() { // c-ares is about to close it
            owner = nullptr;
            if (waits.is_open()) waits.release();
        }

        state* owner; // null: closed
        asio::posix::stream_descriptor waits;
        int number;
        bool reads = false;
        bool writes = false;
        bool reading_waits = false;
        bool writing_waits = false;
    };
    struct question {
        state* owner;
        on_answer told;
    };

    explicit state(asio::io_context& on) : context(on), timer(on) {}

    void socket_changed(int descriptor, bool reading, bool writing) {
        auto& one = sockets[descriptor];
        if (!one) one = std::make_shared<socket>(*this, descriptor);
        if (reading || writing) return one->want(reading, writing);
        one->gone();
        sockets.erase(descriptor);
    }
    void tick_soon() {
        if (ticking || open == 0) return;
        ticking = true;
        timer.expires_after(tick);
        timer.async_wait([this, there = std::weak_ptr(alive)](boost::system::error_code) {
            if (!there.lock()) return;
            ticking = false;
            ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            tick_soon();
        });
    }
    static void answered(void* of, int status, int, unsigned char* packet, int size) {
        std::unique_ptr<question> const asked(static_cast<question*>(of));
        --asked->owner->open;
        if (status != ARES_EDESTRUCTION) asked->told(understand(status, packet, size));
    }

    int make(std::span<core::server_address const> servers);
    int set_servers(std::span<core::server_address const> servers);

    asio::io_context& context;
    asio::steady_timer timer;
    bool ticking = false;
    std::size_t open = 0;
    ares_channel channel = nullptr; // null: there is none, and that is why
    std::string trouble;
    std::map<int, std::shared_ptr<socket>> sockets;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

int dns_channel::state::make(std::span<core::server_address const> servers) {
    if (int const status = library_ready(); status != ARES_SUCCESS) return status;
    ares_options options{};
    options.timeout = first_try_ms;
    options.tries = tries;
    // With one server, what it refuses is told as it is; with several, the next one is asked instead.
    options.flags = servers.size() == 1 ? ARES_FLAG_NOCHECKRESP : 0;
    options.sock_state_cb = [](void* of, ares_socket_t descriptor, int reading, int writing) {
        static_cast<state*>(of)->socket_changed(descriptor, reading != 0, writing != 0);
    };
    options.sock_state_cb_data = this;
    if (int const status =
            ares_init_options(&channel, &options,
                              ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS | ARES_OPT_SOCK_STATE_CB);
        status != ARES_SUCCESS) {
        channel = nullptr;
        return status;
    }
    if (servers.empty()) return ARES_SUCCESS;
    int const status = set_servers(servers);
    if (status != ARES_SUCCESS) ares_destroy(std::exchange(channel, nullptr));
    return status;
}

int dns_channel::state::set_servers(std::span<core::server_address const> servers) {
    std::vector<ares_addr_port_node> nodes(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        auto const& one = servers[i];
        nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
        nodes[i].family = one.address.v6 ? AF_INET6 : AF_INET;
        std::memcpy(&nodes[i].addr, one.address.bytes.data(),
                    one.address.v6 ? sizeof(in6_addr) : sizeof(in_addr));
        nodes[i].udp_port = nodes[i].tcp_port = one.port;
    }
    return ares_set_servers_ports(channel, nodes.data());
}

dns_channel::dns_channel(asio::io_context& context, std::span<core::server_address const> servers)
    : state_(std::make_unique<state>(context)) {
    if (int const status = state_->make(servers); status != ARES_SUCCESS)
        state_->trouble = ares_strerror(status);
}

dns_channel::~dns_channel() {
    if (state_->channel) ares_destroy(state_->channel);
}

void dns_channel::ask(std::string const& name, on_answer told) {
    auto const failed = [&](std::string why) {
        told({dns_answer::kind::failed, {}, seconds(0), std::move(why)});
    };
    if (!state_->channel) return failed(state_->trouble);
    if (state_->open >= most_at_once) return failed("too many questions at once");
    ++state_->open;
    auto asked = std::make_unique<state::question>(state::question{state_.get(), std::move(told)});
    ares_query(state_->channel, name.c_str(), ns_c_in, ns_t_a, &state::answered, asked.release());
    state_->tick_soon();
}

std::size_t dns_channel::asked() const {
    return state_->open;
}

} // namespace milter::proxy
