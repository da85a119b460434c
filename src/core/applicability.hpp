// Which children an event of the session concerns, by their conditions (chain IV.8): evaluates the rules of a
// stage for one child, asks what must be answered outside, and remembers the result for as long as the event
// lasts. Decides about one child at a time; what leaving out means for it is the caller's business.
#pragma once

#include "core/question.hpp"
#include "core/scene.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace milter::core {

class applicability {
public:
    explicit applicability(scene& shared);

    enum class result {
        applies,
        skipped, // a condition leaves the child out from here on
        open,    // an answer is missing
    };
    // What is at hand besides what the scene knows. number tells events of one stage apart.
    struct event_at_hand {
        stage at = stage::connect;
        std::uint64_t number = 0;
        std::string_view recipient;
        std::string_view header_name;
        std::string_view header_value;
        header_list const* headers = nullptr;
        std::optional<body_piece> body;
        std::uint64_t size = 0; // bytes, as far as known
    };
    // Evaluated once an event; macros that the rules set are given to the child. earlier_answered: the
    // children before it have answered this event, so that their results may be looked at (chain P61).
    result of(child_index i, event_at_hand const& now, bool earlier_answered);
    // A child that has rules at connect is not connected before (chain P57).
    bool connects_late(child_index i) const { return gates_[i].connects_late; }
    bool has_rules(child_index i, stage at) const;
    // The condition that left the child out.
    skip_cause const& reason(child_index i) const { return gates_[i].reason; }

    void answered(std::uint32_t id, std::span<block_answer const> answers);
    // Nobody waits for the worker any longer: what it has not said counts as not known, and the rules that
    // need it do not stop. Lists of the DNS have a time of their own.
    void give_up();
    // The events so far are over: what is still asked concerns nobody any more.
    void forget();

private:
    struct known_answer {
        std::uint32_t question;
        truth says; // open: asked
        bool wants_results = false;
    };
    struct gate {
        bool connects_late = false;
        std::uint32_t stages = 0; // bit n: has rules at stage n
        stage at = stage::negotiate;
        std::uint64_t number = 0;
        std::vector<known_answer> answers;
        std::vector<bool> applied; // macro rules that have set theirs
        bool settled = false;
        applicability::result outcome = applicability::result::open;
        skip_cause reason;
    };
    struct pending {
        std::uint32_t id;
        child_index child;
        std::uint32_t question;
        bool of_worker;
    };

    void prepare(child_index i, event_at_hand const& now);
    facts facts_for(child_index i, event_at_hand const& now, bool earlier_answered) const;
    truth answer(child_index i, std::uint32_t question) const;
    result evaluate_rules(child_index i, facts const& known, std::vector<std::uint32_t>& missing);
    void set_macros(child_index i, rule const& by);
    void ask(child_index i, event_at_hand const& now, std::vector<std::uint32_t> missing,
             bool earlier_answered);
    bool is_due(child_index i, std::uint32_t question, bool earlier_answered) const;
    void add_to(question& all, child_index i, std::vector<std::uint32_t> const& missing);
    std::shared_ptr<question> make_question(event_at_hand const& now, bool earlier_answered);
    void store(child_index i, std::uint32_t question, truth says, bool wants_results);
    std::optional<std::string_view> result_of(std::string_view name, child_index asking) const;

    scene& shared_;
    std::vector<gate> gates_;
    std::vector<pending> pending_;
    std::uint32_t last_id_ = 0;
};

} // namespace milter::core
