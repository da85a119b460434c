// The two kinds of peer of a case, as they behave towards whoever runs them: the MTA that reads its list of
// events, and children whose answers are a function of their seed and of what they were told. Used natively
// and behind the manager alike; must know of neither.
#pragma once

#include "oracle/macro_rules.hpp"
#include "oracle/session_case.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::oracle {

// What a child does about one packet: packets, and perhaps the end of the connection behind them.
struct answer {
    std::vector<packet> replies;
    bool closes = false;
    bool hangs = false; // nothing will come any more, and it does not close
};

class child_actor { // one connection
public:
    explicit child_actor(child_plan const& plan) : plan_(&plan) {}
    answer hears(packet const& said);

private:
    answer agree(packet const& said);
    answer as_written(packet const& said);
    std::vector<packet> edits(std::uint64_t luck) const;
    answer trouble(std::uint64_t luck) const;
    void dawdle(answer& mine, std::uint64_t luck) const;

    child_plan const* plan_;
    std::uint32_t steps_ = 0;
    std::string macros_;  // of the next command
    std::string content_; // of the message at hand
    bool script_done_ = false;
};

// The bits that count with this child: what it sets and was offered, "no reply" in any case (chain P7), and
// what its version implies.
std::uint32_t agreed_steps(child_plan const& one, offer const& by_mta);

class mta_actor {
public:
    // steps: as agreed with it. asked: the macros that it was asked for.
    mta_actor(session_case const& of, std::uint32_t steps, macro_lists asked)
        : case_(&of), steps_(steps), asked_(std::move(asked)) {}

    // What it says next; nothing when it has left.
    mta_event const* next();
    // Letter and pairs of the macros before it, if any; and whether it says no more than these.
    std::optional<std::string> const& macros() const { return macros_; }
    bool only_macros() const { return only_macros_; }
    // Whether it waits for an answer to what it said last, and the answer.
    bool waits() const { return waits_; }
    void heard(packet const& reply);
    // Whether it may go on without the answer; and that it does.
    bool may_overtake() const;
    void overtake() { waits_ = false; }
    // The letter of what stands next in its list.
    char next_code() const { return next_ < case_->events.size() ? case_->events[next_].code : 'Q'; }
    // The content at hand will not be ended: what is said to it counts for nothing.
    bool abandons() const { return abandons_; }
    // The body of the message at hand as the MTA has it, with what it need not send.
    std::string const& body() const { return body_; }

private:
    enum class says { nothing, its_macros, all_of_it };
    says can_say(mta_event const& one) const;
    says can_say_refused() const;
    void note_abandoned();

    session_case const* case_;
    std::uint32_t steps_;
    macro_lists asked_;
    std::optional<std::string> macros_;
    bool only_macros_ = false;
    std::size_t next_ = 0;
    char last_ = 0;
    bool waits_ = false;
    bool refused_ = false; // the session is
    bool hangs_up_ = false;
    bool left_ = false;
    bool in_message_ = false;    // its sender was taken, and nothing has ended it
    bool over_ = false;          // it was refused or is complete
    bool refused_early_ = false; // before its content
    bool data_told_ = false;
    bool skips_ = false;
    bool connected_ = false;
    std::string body_;
    bool in_content_ = false;
    bool abandons_ = false;
    std::size_t recipients_ = 0;
    bool counts_ = true; // what it said last, as a recipient
    mta_event quit_{'Q', "", {}, false, false};
};

} // namespace milter::oracle
