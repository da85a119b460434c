// A stage for scenarios without a socket: a core::session, its peers' words, time as a value, bodies in
// memory. Checks the invariants all along.
#pragma once

#include "core/session.hpp"
#include "support/invariants.hpp"
#include "support/safety.hpp"
#include "support/scenario.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace milter::test {

class memory_stage {
public:
    // One step of a scenario; what came of it, a line each. The error says what is wrong with the line.
    tl::expected<std::vector<std::string>, std::string> perform(std::string_view step);

    // Instead of the lines `children` and `policy`.
    void use(cast with) { cast_ = std::move(with); }

    // Puts a failure in the place of what a child would do. A child that is being connected can only refuse,
    // or be silent, until its deadline passes.
    enum class fault { closes, cut, resets, garbage, silence };
    static constexpr std::array all_faults{fault::closes, fault::cut, fault::resets, fault::garbage,
                                           fault::silence};
    std::vector<std::string> inject(core::child_index child, fault what);

    // Whether an "answer" step has a question.
    bool is_asked(std::string_view step) const;

    std::vector<std::string> broken() const;
    bool begun() const { return session_ != nullptr; }
    bool finished() const { return session_ && session_->finished(); }
    std::size_t unanswered() const { return watch_ ? watch_->unanswered() : 0; }
    // Lets time pass until nothing is due any more, or the session has finished.
    std::vector<std::string> run_out();
    // Lets time pass until something was due; false when nothing is.
    bool ring(std::vector<std::string>& came);
    // How it is between the session and a child.
    bool is_connecting(core::child_index i) const { return watch_ && watch_->is_connecting(i); }
    bool is_connected(core::child_index i) const { return watch_ && watch_->is_connected(i); }
    bool is_connected_to_client() const { return client_told_; }
    // The letter of the command that it has to answer next; 0 when there is none.
    char owed_by(core::child_index i) const { return watch_ ? watch_->owed_by(i) : '\0'; }
    cast const& with() const { return cast_; }

private:
    struct alarm {
        core::microseconds at;
        core::deadline which;
    };
    void happen(core::event const& what);
    void perform(core::action const& what);
    void pass(core::microseconds time);
    bool next_alarm(core::microseconds until);
    tl::expected<void, std::string> start(std::string_view offer);
    tl::expected<void, std::string> mta_does(std::string_view what);
    tl::expected<void, std::string> answer(std::string_view what);
    void ask(core::question const& what);
    tl::expected<void, std::string> child_does(core::child_index i, std::string_view what);
    void tell(std::string_view who, std::string_view text) {
        out_.push_back(std::string(who) + " <- " + std::string(text));
    }
    static bool is_statistics(core::action const& what);
    std::string words_of_note(core::action const& what) const;
    void note(std::string text) { out_.push_back(std::move(text)); }
    std::string const& name(core::child_index i) const { return cast_.rules.children[i].name; }

    cast cast_;
    std::unique_ptr<core::session> session_;
    std::unique_ptr<invariants> watch_;
    std::unique_ptr<safety> safety_;
    core::actions todo_;
    std::deque<core::event> later_;
    std::map<std::uint32_t, std::vector<core::block_answer>> asked_;
    std::vector<alarm> alarms_;
    core::session::memory memory_; // what children have said to offers
    std::map<core::body_id, std::string> bodies_;
    core::microseconds now_{0};
    std::uint32_t last_check_ = 0;
    bool client_told_ = false; // the MTA has told of its client
    std::vector<std::string> out_;
};

std::string name_of(memory_stage::fault how);

} // namespace milter::test
