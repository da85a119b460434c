#include "support/failed_run.hpp"

#include "core/verdict.hpp"
#include "support/words.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace milter::test {

namespace {

constexpr std::array<std::string_view, 6> further{"mail <further@example.net>", "rcpt <further@example.com>",
                                                  "header Subject: further",    "end-of-headers",
                                                  "body further\\r\\n",         "end-of-message"};

// What the MTA is told for a failure; "" when it is told nothing.
std::string reply_for(core::fallback costs) {
    auto const said = core::verdict_of(costs);
    if (!said) return "";
    std::string bytes;
    core::encode(bytes, *said);
    constexpr std::size_t head = 4;
    return words_of_reply({bytes[head], std::string_view(bytes).substr(head + 1)});
}

} // namespace

failed_run::failed_run(cast const& with, std::vector<std::string> const& steps, witness sees)
    : steps_(steps), sees_(std::move(sees)) {
    stage_.use(with);
}

void failed_run::came(std::string const& done, std::vector<std::string> const& lines) {
    seen_.insert(seen_.end(), lines.begin(), lines.end());
    if (!sees_ || !wrong_.empty()) return;
    if (auto wrong = sees_(done, lines); !wrong.empty())
        wrong_.push_back((done.empty() ? "time passes" : "\"" + done + "\"") + ": " + wrong);
}

void failed_run::perform(std::string const& step) {
    auto const lines = stage_.perform(step);
    if (!lines) return wrong_.push_back("\"" + step + "\": " + lines.error());
    came(step, *lines);
}

bool failed_run::play(std::size_t nth, fault how) {
    how_ = how;
    std::size_t seen = 0;
    for (auto const& step : steps_) {
        if (is_over()) break;
        std::string_view rest = step;
        auto const who = static_cast<core::child_index>(stage_.with().index_of(take_word(rest)));
        bool const of_child = who < stage_.with().rules.children.size();
        if (of_child && lost_ == who) continue;
        if (of_child && !lost_ && seen++ == nth) {
            lost_ = who;
            failed_step_ = step;
            before_ = seen_.size();
            fail_child();
            settle();
            check_failure();
            continue;
        }
        // The story is another one from the failure on: nobody says what he is not asked.
        if (lost_ && of_child && (rest == "connects" || rest == "refuses") != stage_.is_connecting(who))
            continue;
        if (lost_ && of_child && !stage_.is_connecting(who) && stage_.owed_by(who) == '\0') continue;
        if (lost_ && step.starts_with("mta ")) settle();
        if (lost_ && step.starts_with("answer ") && !stage_.is_asked(step)) continue;
        perform(step);
    }
    if (!lost_) return false;
    settle();
    further_message();
    for (auto const& broken : stage_.broken())
        wrong_.push_back("invariant: " + broken);
    if (!stage_.finished() && stage_.unanswered() > 0)
        wrong_.emplace_back("a command of the MTA was never answered");
    return true;
}

void failed_run::fail_child() {
    was_there_ = stage_.is_connected(*lost_) || stage_.is_connecting(*lost_);
    came(name(*lost_) + " !", stage_.inject(*lost_, how_));
}

// What is still to come before the MTA has its answers.
void failed_run::settle() {
    constexpr int at_most = 1'000;
    for (int i = 0; i < at_most && !is_over() && stage_.unanswered() > 0; ++i) {
        bool helped = false;
        for (core::child_index k = 0; k < stage_.with().rules.children.size() && !helped; ++k)
            helped = help(k);
        std::vector<std::string> lines;
        if (!helped && !stage_.ring(lines)) return;
        if (!helped) came("", lines);
    }
}

// The MTA does not wait for those in evaluation mode.
void failed_run::let_laggards_catch_up() {
    for (core::child_index k = 0; k < stage_.with().rules.children.size(); ++k)
        while (!is_over() && k != lost_ && help(k)) {
        }
}

// A child does what it is asked for, the failed one when it is tried again: it fails again.
bool failed_run::help(core::child_index i) {
    if (stage_.is_connecting(i)) {
        if (i == lost_ && failed_step_.ends_with(" connects")) return false;
        perform(name(i) + " connects");
        if (i == lost_ && !is_over()) fail_child();
        return true;
    }
    auto const owed = stage_.owed_by(i);
    if (i == lost_ || owed == '\0' || !stage_.is_connected(i)) return false;
    perform(name(i) + " " + (owed == 'O' ? agreement_of(stage_.with(), i) : "continue"));
    return true;
}

// It is noticed, with the fallback that is set for that child. (Silence only by who waits for it.)
void failed_run::check_failure() {
    if (!wrong_.empty() || !was_there_) return;
    auto const of_it = [&](std::string const& line) {
        return line.starts_with(name(*lost_) + ": failed at ");
    };
    auto const from = seen_.begin() + static_cast<std::ptrdiff_t>(before_);
    auto const first = std::find_if(from, seen_.end(), of_it);
    if (first == seen_.end()) {
        if (how_ != fault::silence) wrong_.emplace_back("the failure was not noticed");
        return;
    }
    auto const costs = stage_.with().rules.children[*lost_].on_failure;
    if (!first->ends_with("-> " + std::string(core::name_of(costs))))
        wrong_.push_back("not its fallback: " + *first);
}

std::string failed_run::last_reply() const {
    constexpr std::string_view head = "mta <- ";
    for (auto line = seen_.rbegin(); line != seen_.rend(); ++line)
        if (line->starts_with(head) && *line != "mta <- progress") return line->substr(head.size());
    return "";
}

// The first child in order that is not there because it has failed, and whose fallback does not let mail
// pass.
std::optional<core::child_index> failed_run::first_that_refuses() const {
    for (core::child_index i = 0; i < stage_.with().rules.children.size(); ++i) {
        auto const& rules = stage_.with().rules.children[i];
        // It may also have left, after it was there again.
        auto const last = std::find_if(seen_.rbegin(), seen_.rend(), [&](std::string const& line) {
            return line.starts_with(rules.name + ": failed at ") || line == rules.name + " <- quit";
        });
        bool const failed = last != seen_.rend() && !last->ends_with("quit");
        if (failed && !stage_.is_connected(i) && !rules.evaluation_mode && core::verdict_of(rules.on_failure))
            return i;
    }
    return {};
}

void failed_run::further_message() {
    bool const refused = std::any_of(seen_.begin(), seen_.end(),
                                     [](std::string const& line) { return line.starts_with("session: "); });
    if (is_over() || refused || !stage_.is_connected_to_client()) return;
    before_ = seen_.size();
    for (auto const words : further) {
        perform("mta " + std::string(words));
        settle();
        let_laggards_catch_up();
        if (is_over()) return;
        if (words.starts_with("mail")) {
            auto const refuses = first_that_refuses();
            auto const reply = last_reply();
            auto const due =
                refuses ? reply_for(stage_.with().rules.children[*refuses].on_failure) : "continue";
            goes_on_ = true;
            if (reply != due) wrong_.push_back("the next message gets " + reply + ", not " + due);
            if (reply != "continue") return;
        }
    }
    check_further_message();
}

// Every child that is there has had its say, behind the failed one too.
void failed_run::check_further_message() {
    auto const from = seen_.begin() + static_cast<std::ptrdiff_t>(before_);
    if (last_reply() != "continue") wrong_.push_back("the next message ends in " + last_reply());
    for (core::child_index i = 0; i < stage_.with().rules.children.size(); ++i) {
        bool const is_silent = i == lost_ && how_ == fault::silence; // in evaluation mode, so nobody waits
        bool const told = std::find(from, seen_.end(), name(i) + " <- end-of-message") != seen_.end();
        auto const& rules = stage_.with().rules.children[i];
        // Nobody waits until it is connected again: it takes part from the message after this one.
        bool const comes_late = rules.evaluation_mode &&
                                std::find(from, seen_.end(), name(i) + ": to be connected") != seen_.end();
        bool const may_be_left_out = comes_late || !rules.conditions.empty();
        if (stage_.is_connected(i) && !is_silent && !told && !may_be_left_out)
            wrong_.push_back(name(i) + " has not got the next message");
    }
}

} // namespace milter::test
