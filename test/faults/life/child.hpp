// The children of a long life: each answers, adds its header field, perhaps replaces the body, and fails
// where the plan of the session says so. Must never look at what the MTA was told.
#pragma once

#include "faults/life/world.hpp"
#include "io/line.hpp"
#include "io/listener.hpp"

#include <memory>
#include <unordered_map>

namespace milter::life {

class conversation;

class child {
public:
    // which: of the cast. where: what it listens on.
    child(world& in, std::size_t which, wire::endpoint const& where);
    ~child();

    // Where it can be reached, with the port that it was given.
    std::string endpoint() const;
    void ended(conversation& one);
    world& in() { return in_; }
    std::size_t which() const { return which_; }

private:
    void accepted(io::descriptor socket);

    world& in_;
    std::size_t which_;
    wire::endpoint where_;
    std::uint64_t connections_ = 0;
    std::unordered_map<conversation*, std::shared_ptr<conversation>> open_;
    std::unique_ptr<io::listener> listener_;
};

} // namespace milter::life
