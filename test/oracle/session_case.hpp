// One random session as plain values: the MTA and what it would say, the children and the seeds of what they
// answer. Made from a seed; whatever is taken out of it, it stays a session (that is how cases are shrunk).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace milter::oracle {

struct packet {
    char code = 0;
    std::string payload;
    unsigned after_ms = 0; // of what is said before it; children only
    std::string text() const { return code + payload; }
};

// The bits of a command letter (protocol 2.4): "do not send me this", "I shall not answer this". 0: none.
std::uint32_t opt_out_bit(char code);
std::uint32_t silence_bit(char code);
inline constexpr std::uint32_t all_silence_bits = 0xFF080;
inline constexpr std::uint32_t skip_bit = 0x400;
inline constexpr std::uint32_t rejected_recipients_bit = 0x800;
inline constexpr std::uint32_t leading_space_bit = 0x100000;
inline constexpr std::uint32_t macro_lists_bit = 0x100; // an action

struct offer {
    std::uint32_t version = 6;
    std::uint32_t actions = 0;
    std::uint32_t steps = 0;
};

// What a child says the first time it is asked about the command `at`; continue to all others.
struct child_script {
    char at = 0;
    packet says;
    bool progress = false; // before it
    bool closes = false;   // instead
    bool hangs = false;    // instead
};

struct child_plan {
    std::string name;
    std::uint64_t seed = 0;
    std::optional<child_script> script; // nothing: as the seed has it
    offer answers;                      // as it answers to an offer
    // The macros that it asks for, by stage (protocol 2.5), bare names.
    std::map<std::uint32_t, std::vector<std::string>> lists;
    char fallback = 'a';            // a r t d, q quarantine, s shutdown
    unsigned calm = 90;             // percent of its answers that are continue
    unsigned calm_at_rcpt = 90;     // and to recipients
    bool evaluated = false;         // in evaluation mode: to all others as if it were not there (chain P63)
    bool fails = false;             // may fail at all
    bool fails_in_content = false;  // and while it is given the content
    bool early_quarantine = false;  // asks for it before the end of the message (chain P42)
    bool asked_in_parallel = false; // at connect and helo (chain V.2)
    bool mail_in_parallel = false;
    bool fed_early = false; // chain V.3
    bool slow = false;      // now and then
    unsigned patience_ms =
        1000; // what the manager has with it: for one answer, and at the end of the message
    unsigned patience_at_end_ms = 1000;
};

// C H M R T U L N B E A Q K, or Z: the MTA closes without a word. A header is "name\0value", raw.
struct mta_event {
    char code = 0;
    std::string payload;
    std::optional<std::string> macros; // pairs that the MTA has then; it sends those of its list
    bool refused = false;              // R: a recipient that the MTA itself has refused (chain P21)
    bool overtakes = false; // A Q K Z: need not wait for the answer to the command before it (chain P49)
};

enum class mta_kind { sendmail, postfix, generic };

struct session_case {
    std::uint64_t seed = 0;
    mta_kind mta = mta_kind::sendmail;
    bool recognises = false; // the manager is not told what the MTA is, and finds out at connect
    bool exact = false;      // no early feeding, connect and helo one child after the other
    bool retries = false;    // failed children are tried again at the next message (chain P51)
    bool stubborn = false;   // the MTA goes on with recipients and data of a refused message
    std::uint32_t chunk_size = 65535;
    // The chain's time for one command, and for the end of the message (chain P53). Children are slow only if
    // timed.
    bool timed = false;
    unsigned command_ms = 1'000'000;
    unsigned end_ms = 1'000'000;
    offer offers;
    std::vector<std::string> more_macros; // that the MTA's administrator has it send at every stage
    std::vector<child_plan> children;
    std::vector<mta_event> events;

    bool sendmail() const { return mta == mta_kind::sendmail; }
};

session_case make_case(std::uint64_t seed);

} // namespace milter::oracle
