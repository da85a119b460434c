// The chain of children as an MTA without the manager would run it: every child in turn, nothing at the same
// time, the content a whole message at once. Must share no code with src/core.
#pragma once

#include "oracle/actors.hpp"
#include "oracle/edits.hpp"
#include "oracle/expectation.hpp"
#include "oracle/mail_model.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace milter::oracle {

inline bool among(char code, std::string_view letters) {
    return letters.find(code) != std::string_view::npos;
}

class chain {
public:
    chain(session_case const& of, agreement agreed);

    // What the MTA is told; nothing for commands that are never answered.
    std::optional<told> take(mta_event const& what);
    // The MTA says the macros of a command and not the command.
    void take_macros(mta_event const& what);
    // The MTA does not wait for what it is told, but goes on with `next`.
    void take_overtaken(mta_event const& what, char next);
    native_run& result() { return result_; }

private:
    // What a child says to one command, as the chain takes it.
    struct opinion {
        std::string reply = "c"; // as a packet; "c" also for whoever does not answer
        bool lost = false;       // it has failed instead
        std::vector<packet> edits = {};
        bool terminal() const { return among(reply[0], "rtdy"); }
    };
    struct child {
        child_plan const* plan;
        child_actor actor;
        std::uint32_t steps;
        bool left = false;
        bool failed = false;
        bool told = false;              // in the message
        bool done = false;              // with it
        bool after_data = false;        // it was told that last, perhaps in an earlier message (protocol 6.2)
        std::string says_late = {};     // to connect or helo, told again at this message
        std::vector<packet> edits = {}; // of this message, so far: quarantines may come early (chain P42)
        bool here() const { return !left && !failed; }
        bool wants(char code) const { return opt_out_bit(code) == 0 || (steps & opt_out_bit(code)) == 0; }
        bool may(std::uint32_t action, offer const& by_mta) const {
            return (plan->answers.actions & by_mta.actions & action) != 0;
        }
        bool may_change_headers(offer const& by_mta) const { return may(0x11, by_mta); }
        bool may_change_body(offer const& by_mta) const { return may(0x2, by_mta); }
    };

    // native.cpp: the session
    void note(std::size_t i, packet const& sent);
    answer tell(std::size_t i, packet const& sent);
    void tell_macros(std::size_t i, mta_event const& what);
    void open(std::size_t i);
    void quit(std::size_t i);
    void abort(std::size_t i);
    void abort_message();
    void leave(bool without_a_word);
    void begin_again();
    void prepare(mta_event const& what);
    bool in_time(child const& one, char at, answer const& said);
    opinion hear(child& one, char at, answer const& said);
    opinion fallback_of(child const& one, char at) const;

    // native_envelope.cpp: commands that every child may answer
    bool may_hear_unknown(child const& one) const;
    opinion ask(std::size_t i, mta_event const& what);
    void try_again(std::size_t i);
    told ask_all(mta_event const& what);
    told ask_each(mta_event const& what);
    void refuse_session(std::string reply);
    void accept(std::size_t i, char at);
    bool nobody_wants_more() const;
    told refuse(std::size_t by, mta_event const& what, opinion const& mine, bool late = false);
    void settle(std::string const& reply);
    void asked_in_parallel(std::size_t by, mta_event const& what);

    // native_content.cpp
    told content(mta_event const& what);
    void forget_content();
    std::vector<packet> content_for(child const& one, bool with_body, bool whole);
    opinion feed(child& one, std::vector<packet> const& all, std::vector<std::string>& fed);
    told finish(mta_event const& end);
    opinion content_to(std::size_t i, mta_event const& end);
    void fed_early(std::size_t by);
    void fed_in_vain(std::size_t i, std::vector<packet> const& all, expected::abort aborted);
    void leave_content(char next);
    void change(child const& by, std::vector<packet> const& edits);
    void quarantine_for(child const& lost);
    std::string with_line_ends(std::string const& body) const;

    session_case const& case_;
    agreement agreed_;
    bool leading_space_;
    std::vector<child> children_;
    native_run result_;
    mail_model mail_;
    std::string body_;
    mta_event end_of_headers_;
    mta_event connect_, helo_;
    std::string refused_; // the session is
    std::string decided_; // the message is
    bool mail_open_ = false;
    bool data_told_ = false;
    bool in_content_ = false;
    bool headers_over_ = false;
    unsigned spent_ms_ = 0; // of the chain's time for this command
    bool time_is_up_ = false;
    std::set<std::size_t> last_words_; // who has left the message by itself, so far
};

} // namespace milter::oracle
