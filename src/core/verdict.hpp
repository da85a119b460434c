// One outcome from many ballots: the first terminal reply in the order of the children decides, whatever
// arrives first and however severe the others are (chain P12). Depends on the set and the order, never on
// arrival.
#pragma once

#include "core/policy.hpp"
#include "wire/reply.hpp"
#include "wire/smtp_reply.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace milter::core {

// What one child, or the chain, says to one event.
struct verdict {
    enum class kind { go_on, accept, reject, temp_fail, reply, discard };
    kind what = kind::go_on;
    std::optional<wire::smtp_reply> text; // for kind::reply

    bool terminal() const { return what != kind::go_on && what != kind::accept; }
    // The MTA hangs up after it (chain P25).
    bool ends_session() const { return text && text->closes(); }

    static verdict of(kind what) { return {what, {}}; }
    static verdict of(wire::smtp_reply text) { return {kind::reply, std::move(text)}; }
    // 421, what a shutdown becomes (chain P25).
    static verdict shutdown();
    friend bool operator==(verdict const&, verdict const&) = default;
};

// What a failed child's fallback says to an event; nothing when it says accept or quarantine: the chain goes
// on.
std::optional<verdict> verdict_of(fallback costs);

// "pass", "accept", "reject", "temporary-failure", "discard" (logs 4).
std::string_view name_of(verdict const& said);
std::string_view name_of(fallback costs);

// Appends the packet that says it. Nothing is checked here: a verdict is valid by its type.
void encode(std::string& out, verdict const& said);

struct ballot {
    enum class state {
        waiting, // not asked yet
        asked,   // has not answered
        passed,  // has nothing (more) to say to this event
        decided, // terminal
    };
    ballot::state at = ballot::state::waiting;
    verdict said;
};

struct outcome {
    enum class state { open, passed, decided };
    outcome::state at = outcome::state::open;
    std::size_t by = 0; // decided: the child
};

// Fixed as soon as there is a terminal ballot and all before it have passed; passed when all have (chain
// V.2).
outcome count(std::span<ballot const> ballots);

} // namespace milter::core
