// How an mta reaches its milter: a blocking socket, or a conversation in the same process. Knows packets and
// nothing of what they mean.
#pragma once

#include "wire/command.hpp"
#include "wire/endpoint.hpp"
#include "wire/frame.hpp"

#include <milter/handler.hpp>
#include <milter/mta.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::library {

struct packet {
    char code = 0;
    std::string payload;
};

class transport {
public:
    virtual ~transport() = default;
    // Whole packets. Errors are texts for a person.
    virtual tl::expected<void, std::string> send(std::string_view bytes) = 0;
    // Waits for the next one, until the time-out.
    virtual tl::expected<packet, std::string> receive() = 0;
};

inline constexpr std::size_t largest_answer = 64 * 1024 * 1024;

// Connects within the time-out, which is then that of each send and receive.
tl::expected<std::unique_ptr<transport>, std::string> connect_to(wire::endpoint const& where,
                                                                 std::chrono::milliseconds timeout);
std::unique_ptr<transport> in_this_process(maker make, std::chrono::milliseconds timeout);

} // namespace milter::library

namespace milter {
inline namespace v3 {

class mta::machine {
public:
    machine(tl::expected<std::unique_ptr<library::transport>, std::string> way, mta_options const& options);

    std::string error;
    agreement agreed;
    std::vector<std::pair<macro_stage, std::string>> macro_lists;

    void send(wire::command const& what);
    // Sends and waits, as the agreement has it. not_sent: the bit that forbids the step.
    heard ask(wire::command const& what, milter::steps not_sent, milter::steps no_reply);
    void fail(std::string why);

private:
    void negotiate(agreement const& offer);
    heard listen();

    std::unique_ptr<library::transport> way_;
};

} // namespace v3
} // namespace milter
