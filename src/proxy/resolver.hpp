// Lists of the DNS (configuration 8.5): whether an address is in one. All services of a list are asked at
// once, the first that has it answers; what fails lists nobody. Each question is asked once, whoever wants
// it, and its answer kept for its time. Nobody waits for another's question. One a worker thread, on that
// only.
#pragma once

#include "core/condition.hpp"
#include "observe/log.hpp"
#include "observe/meters.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

namespace milter::proxy {

class resolver {
public:
    using clock = std::function<std::chrono::steady_clock::time_point()>;
    using on_answer = std::function<void(bool listed)>;

    // failures: counts what gave no answer, if anybody wants to know; outlives it.
    resolver(boost::asio::io_context& context, observe::log& log, clock now = std::chrono::steady_clock::now,
             observe::counter* failures = nullptr);
    ~resolver();
    resolver(resolver const&) = delete;
    resolver& operator=(resolver const&) = delete;

    // Somebody's interest in an answer; it ends with this value. The question itself goes on, for the cache.
    class look_up;
    // told is called once, from the io_context and never from inside this, within list.timeout. The list must
    // live as long as the interest. Only IPv4 addresses are looked up; others are in no list.
    [[nodiscard]] std::shared_ptr<look_up> ask(core::dns_list const& list, core::ip_address const& address,
                                               on_answer told);
    // When the last interest has ended, nothing keeps the context busy any more.
    void stop();

    std::size_t asked() const; // questions without an answer so far
    std::size_t kept() const;  // answers

private:
    struct state;
    std::shared_ptr<state> state_;
};

} // namespace milter::proxy
