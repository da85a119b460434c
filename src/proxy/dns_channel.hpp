// Questions to one set of name servers, by c-ares on an io_context: UDP, TCP for what does not fit, the next
// server when one fails. One name at a time, any number at once; caches nothing, and knows nothing of lists.
// On the thread of its io_context only; never blocks it.
#pragma once

#include "core/network.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::proxy {

// The IPv4 addresses of a name.
struct dns_answer {
    enum class kind {
        found,
        none,   // no such name, or no address
        failed, // nobody has said anything of use
    };
    dns_answer::kind what = dns_answer::kind::failed;
    std::vector<core::ip_address> addresses{};
    std::chrono::seconds holds{0}; // at most a day
    std::string error{};           // of a failure
};

class dns_channel {
public:
    using on_answer = std::function<void(dns_answer const&)>;

    // c-ares tells questions apart by 16 bits, and looks for a free number as long as it takes.
    static constexpr std::size_t most_at_once = 10'000;

    // servers: none = the system's (/etc/resolv.conf), as they are now.
    dns_channel(boost::asio::io_context& context, std::span<core::server_address const> servers);
    // Whoever waits is not told.
    ~dns_channel();

    // told may be called before this returns. It must not destroy the channel.
    void ask(std::string const& name, on_answer told);
    std::size_t asked() const; // without an answer so far

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace milter::proxy
