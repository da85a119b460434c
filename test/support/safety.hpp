// What must never be, whatever the peers do: an answer to the MTA that is weaker than a child's ballot that
// counts (chain P12, P17), and a message that is accepted past a child that has neither passed it nor failed
// with a fallback that lets it pass (chain P50). Watches events and actions; keeps no rule of the session's
// own code.
#pragma once

#include "core/action.hpp"
#include "core/event.hpp"
#include "core/policy.hpp"
#include "wire/reply.hpp"

#include <deque>
#include <string>
#include <vector>

namespace milter::test {

class safety {
public:
    explicit safety(core::policy const& rules);

    // In order: the event, then each of the actions that it caused.
    void happened(core::event const& what);
    void asked(core::action const& what, core::actions const& of);

    // What has been broken so far; empty is good.
    std::vector<std::string> const& broken() const { return broken_; }

private:
    struct debt {
        char to;
        bool overtaken = false; // the message that it belongs to is over
    };
    struct child {
        std::string name;
        bool evaluation = false;
        wire::steps steps;
        bool may_be_left_out = false; // by a condition, or behind a quarantine that ends the chain
        std::deque<debt> owes;
        bool left = false;    // has accepted the session
        bool passed = false;  // has nothing against the message at hand
        bool excused = false; // has failed, and its fallback lets messages pass
    };
    void from_mta(char code);
    void to_mta(wire::frame const& packet);
    void to_child(child& one, char code);
    void from_child(child& one, wire::frame const& packet);
    void says(child& one, debt const& due, wire::reply const& said);
    void failed(core::child_failed const& what);
    void begin_front();
    void drop_silent();
    void new_message();
    void fail(std::string what) { broken_.push_back(std::move(what)); }

    std::vector<child> children_;
    std::deque<char> pending_; // commands of the MTA without an answer
    wire::steps mta_steps_;
    std::string refused_by_; // the command at the front; "" when nobody has
    std::vector<std::string> broken_;
};

} // namespace milter::test
