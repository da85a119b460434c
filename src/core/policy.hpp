// What a session is run by: the children in order and the rules of the chain, as plain immutable values.
// core owns this type and config builds one; nothing here is text that still has to be understood.
#pragma once

#include "core/condition.hpp"
#include "wire/endpoint.hpp"
#include "wire/options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace milter::core {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What the failure of a child costs the mail (chain P50).
enum class fallback { accept, reject, temp_fail, discard, shutdown, quarantine };

// Whose native rules a chain follows (chain III).
enum class mta_kind { automatic, postfix, sendmail, generic };

// Names of macros by stage, with or without braces (chain P9).
using stage_macros = std::map<wire::macro_stage, std::vector<std::string>>;

struct child_policy {
    std::string name;
    wire::endpoint where;
    fallback on_failure = fallback::accept;
    bool evaluation_mode = false; // asked, logged, never heard
    milliseconds connection_timeout{297'000};
    milliseconds writing_timeout{7'000};
    milliseconds reading_timeout{7'000};          // one reply, except at the end of the message
    milliseconds end_of_message_timeout{297'000}; // from the end of the message to the decision
    bool early_feed = true;                       // chain V.3
    bool retry_next_message = true; // one reconnect at the next message after a failure (chain P51)
    bool exact_connect = false;     // connect and helo only after the earlier children (chain V.2)
    bool parallel_mail = false;     // the sender already before them (chain V.2)
    stage_macros extra_macros;      // that the MTA is asked for on its behalf (chain P9)
    std::optional<std::string> parallel_group; // chain V.4
    std::vector<std::uint32_t> conditions;     // of policy::conditions, in order; all must let it through
    // For whoever makes the connections; a session decides nothing by them.
    std::size_t pool_size = 0; // connections kept ready, a worker thread (chain V.5)
    milliseconds pool_idle{60'000};
    std::size_t breaker_failures = 0;   // connects that fail in a row until it is left alone; 0 = never
    milliseconds breaker_pause{10'000}; // for so long (chain P56)
};

// What a peer can make a session hold (chain P66). 0 = no limit where said.
struct limits {
    std::uint64_t max_message_size = 0; // bytes of body; 0 = none
    std::size_t max_headers = 10'000;
    std::size_t max_header_size = 64 * 1024;         // bytes of name and value
    std::size_t max_header_total = 16 * 1024 * 1024; // of all of a message
    std::size_t max_recipients = 100'000;
    std::size_t max_edits = 10'000; // of one child at one message
};

struct policy {
    std::vector<child_policy> children; // the enabled ones, in order
    mta_kind mta = mta_kind::automatic;
    fallback on_no_child_left = fallback::accept;  // manager.fallback_status
    fallback on_client_gone = fallback::temp_fail; // manager.fallback_status_at_disconnect
    milliseconds client_check_interval{0};         // 0 = never, as without connection checkers
    milliseconds offer_timeout{30'000};            // from the MTA's connection to its first packet
    milliseconds idle_timeout{7'210'000};          // of the MTA, between two packets
    milliseconds negotiation_timeout{5'000};       // all children together (chain P8)
    milliseconds command_timeout{0};               // the chain, one event; 0 = by profile (chain P53)
    milliseconds end_of_message_timeout{290'000};  // the chain, at the end of the message
    milliseconds progress_interval{5'000};         // chain P54
    bool quarantine_stops_chain = false;           // behind Postfix: for the children after it (chain P39)
    std::size_t evaluation_queue = 1024 * 1024;    // bytes that an evaluation-mode child may lag behind
    std::size_t chunk_size = 65'535;               // bytes of body a packet, to children
    // The MTA waits with its next piece of body while a child that is at work is so many bytes behind; not
    // long.
    std::size_t body_ahead = 65'535;
    milliseconds body_patience{100};
    core::limits limits;
    std::vector<condition> conditions;
    std::vector<question_source> questions; // what expressions ask (core::asks)
    milliseconds worker_timeout{5'000};     // for the answer of a Ruby block
};

} // namespace milter::core
