// The three children of a steady load: what each says depends on the sender's number alone, so what the MTA
// must be told can be computed. Must never fail.
#pragma once

#include "io/line.hpp"
#include "io/listener.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::load {

namespace asio = boost::asio;

inline constexpr std::array<std::string_view, 3> names{"first", "second", "third"};

// What the MTA is told about the message of that number.
struct outcome {
    char stage = 'E';     // of the answer that decides
    char letter = 'c';    // that answer
    unsigned headers = 7; // whose field is added, a bit each
    friend bool operator==(outcome const&, outcome const&) = default;
};
outcome outcome_of(std::uint64_t number);

class conversation;

class child {
public:
    child(asio::io_context& context, std::size_t which, std::string const& directory);
    ~child();

    asio::io_context& context() { return context_; }
    std::size_t which() const { return which_; }
    void ended(conversation& one);

private:
    asio::io_context& context_;
    std::size_t which_;
    std::unordered_map<conversation*, std::shared_ptr<conversation>> open_;
    std::unique_ptr<io::listener> listener_;
};

} // namespace milter::load
