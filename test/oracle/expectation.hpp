// What one run of a case shows from outside, and what the naive interpreter expects of it: equal, but for the
// few places where chain V.2 and V.3 let the manager send more. Each of those is a kind here; nothing else
// may differ.
#pragma once

#include "oracle/macro_rules.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace milter::oracle {

// One thing in a child's trace.
struct expected {
    enum class kind {
        packet, // exactly packets[0]
        // An earlier child refused the connection or the greeting while this one was asked too (V.2): all of
        // `packets`, or none; the quit behind them is expected on its own.
        asked_in_parallel,
        // The same, and the child then fails by itself: the quit that follows may be missing.
        fails_in_parallel,
        // Content that was fed before an earlier child refused (V.3), or that the MTA did not end: any number
        // of `packets`, and an abort.
        fed_in_vain,
        // Envelope commands and content up to where the MTA overtook its own command (chain P49), or the
        // sender that was asked in parallel behind a child that refused it (V.2): the first few of `packets`,
        // macros never without their command, and an abort.
        cut_short,
    };
    enum class abort { never, maybe, if_told };
    expected::kind what = expected::kind::packet;
    std::vector<std::string> packets;
    // fed_in_vain, cut_short: abort behind it
    expected::abort aborted = abort::if_told;
    bool told = false;     // it was in the message already: abort is due even without a packet
    bool finishes = false; // it has the last word itself behind the last packet: then abort may be missing
};

// What the MTA was told: a reply to a command; or the outcome of the content, and the message composed.
struct told {
    std::string reply;
    bool may_be_accept = false; // `a` is as good as `c` here: no child wants more (chain P14)
    bool remembered = false;    // of the session or the message, not of this command
};

// What the MTA was asked to leave out or not to wait for, and which macros.
struct agreement {
    std::uint32_t steps = 0;
    macro_lists macros;
};

struct native_run {
    std::vector<told> mta;
    std::vector<std::vector<expected>> traces; // a child each
};
struct manager_run {
    std::vector<std::string> mta;
    std::vector<std::vector<std::string>> traces;
    agreement agreed;                // with the MTA
    std::set<std::size_t> overtaken; // the MTA's events whose answer it did not wait for
    std::vector<std::string> broken; // what must never be, whatever the interpreter says
    std::vector<std::string> steps;  // as a scenario, when asked for
};

// "" when they agree; otherwise the first difference, to read.
std::string difference(manager_run const& seen, native_run const& wanted);

} // namespace milter::oracle
