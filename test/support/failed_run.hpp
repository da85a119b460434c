// A scenario with one step of a child failed: that child goes on as a broken one does, the others answer what
// they are asked, the MTA waits for its answers; and one more message shows that the chain goes on (chain
// P50). Played against the session in memory; a witness may do and see the same elsewhere.
#pragma once

#include "support/memory_stage.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace milter::test {

class failed_run {
public:
    using fault = memory_stage::fault;
    // What has just been done, "NAME !" for the failure and "" when only time has passed, and what came of
    // it. The answer is "" or what is wrong.
    using witness = std::function<std::string(std::string const& done, std::vector<std::string> const& came)>;

    failed_run(cast const& with, std::vector<std::string> const& steps, witness sees = {});

    // Fails the n-th step of all that children do; nothing is left to fail when it is false.
    bool play(std::size_t nth, fault how);
    std::string const& failed_step() const { return failed_step_; }
    // The further message was played and judged.
    bool goes_on() const { return goes_on_; }
    std::vector<std::string> const& wrong() const { return wrong_; }
    memory_stage& stage() { return stage_; }

private:
    void perform(std::string const& step);
    void fail_child();
    void settle();
    void let_laggards_catch_up();
    bool help(core::child_index i);
    void check_failure();
    void further_message();
    void check_further_message();
    std::optional<core::child_index> first_that_refuses() const;
    std::string last_reply() const;
    void came(std::string const& done, std::vector<std::string> const& lines);
    bool is_over() const { return !wrong_.empty() || stage_.finished(); }
    std::string const& name(core::child_index i) const { return stage_.with().rules.children[i].name; }

    std::vector<std::string> const& steps_;
    witness sees_;
    memory_stage stage_;
    fault how_ = fault::closes;
    std::optional<core::child_index> lost_;
    std::string failed_step_;
    bool was_there_ = false;        // it could be noticed at once
    std::vector<std::string> seen_; // all lines
    std::size_t before_ = 0;        // so many came before the failure, or the further message
    bool goes_on_ = false;
    std::vector<std::string> wrong_;
};

} // namespace milter::test
