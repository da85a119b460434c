// What must hold in every session whatever the peers do (the list is in docs/ARCHITECTURE.md, Tests). Watches
// events and actions; knows nothing of how the session comes to them.
#pragma once

#include "core/action.hpp"
#include "core/event.hpp"
#include "core/stage.hpp"

#include <optional>
#include <string>
#include <vector>

namespace milter::test {

class invariants {
public:
    explicit invariants(std::size_t children) : children_(children) {}

    // In order: the event, then each of the actions that it caused.
    void happened(core::event const& what);
    void asked(core::action const& what, core::actions const& of);

    // What has been broken so far; empty is good.
    std::vector<std::string> const& broken() const { return broken_; }
    // Commands of the MTA that still wait for their reply.
    std::size_t unanswered();
    bool is_connecting(core::child_index i) const { return !children_[i].closed && !children_[i].connected; }
    bool is_connected(core::child_index i) const { return !children_[i].closed && children_[i].connected; }
    // The letter of the command that the child has to answer next; 0 when there is none.
    char owed_by(core::child_index i) const {
        return children_[i].owes.empty() ? '\0' : children_[i].owes.front();
    }

private:
    struct child {
        bool connected = false;
        bool closed = true;
        bool quit = false;
        std::vector<char> owes; // letters of the commands it has to answer
        wire::steps steps;      // as it agreed
        std::optional<core::stage> last;
    };
    void from_mta(wire::frame const& packet);
    void drop_silent();
    void to_mta(wire::frame const& packet);
    void to_child(core::child_index i, wire::frame const& packet);
    void from_child(core::child_index i, wire::frame const& packet);
    void fail(std::string what) { broken_.push_back(std::move(what)); }

    std::vector<child> children_;
    std::vector<char> owed_to_mta_; // letters, in order
    wire::steps mta_steps_;
    wire::actions mta_actions_;
    bool mta_closed_ = false;
    bool in_edits_ = false; // an edit has gone up for the pending end of message
    bool in_body_ = false;  // a piece of the new body has
    std::vector<std::string> broken_;
};

} // namespace milter::test
