#include "proxy/meter.hpp"

#include <array>
#include <utility>

namespace milter::proxy {

namespace {

using core::verdict;

constexpr std::array fallbacks{core::fallback::accept,  core::fallback::reject,   core::fallback::temp_fail,
                               core::fallback::discard, core::fallback::shutdown, core::fallback::quarantine};
// In this order they are exported; a reply text counts as what its code says.
constexpr std::array verdicts{verdict::kind::go_on, verdict::kind::accept, verdict::kind::reject,
                              verdict::kind::temp_fail, verdict::kind::discard};

std::size_t index_of(verdict::kind what) {
    for (std::size_t i = 0; i < verdicts.size(); ++i)
        if (verdicts[i] == what) return i;
    return 0;
}

std::size_t index_of(verdict const& said) {
    if (said.what != verdict::kind::reply) return index_of(said.what);
    return index_of(said.text->permanent() ? verdict::kind::reject : verdict::kind::temp_fail);
}

template <class Enumeration>
std::size_t number_of(Enumeration one) {
    return static_cast<std::size_t>(one);
}

} // namespace

observe::vocabulary figure_words() {
    observe::vocabulary words;
    for (std::size_t i = 0; i < core::stage_count; ++i)
        words.stages.push_back(core::name_of(static_cast<core::stage>(i)));
    for (auto const one : verdicts)
        words.verdicts.push_back(core::name_of(verdict::of(one)));
    for (std::size_t i = 0; i < core::failure_count; ++i)
        words.reasons.push_back(core::word_of(static_cast<core::failure>(i)));
    for (auto const one : fallbacks)
        words.fallbacks.push_back(core::name_of(one));
    return words;
}

meter::meter(observe::metrics& of, core::policy const& rules) : process_(of.process) {
    for (auto const& one : rules.children) {
        auto figures = of.child(one.name);
        std::vector<std::shared_ptr<observe::counter>> skips(rules.conditions.size());
        for (auto const which : one.conditions)
            skips[which] = figures->skips(rules.conditions[which].name);
        children_.push_back({std::move(figures), std::move(skips), one.evaluation_mode});
    }
}

void meter::count(core::child_answered const& what) {
    auto& mine = *children_[what.child].of;
    mine.verdicts(number_of(what.at), index_of(what.said)).add();
    mine.answers(number_of(what.at)).add(what.took);
}

void meter::count(core::child_skipped const& what) {
    children_[what.child].skips[what.condition]->add();
}

void meter::count(core::child_failed const& what) {
    auto const& mine = children_[what.child];
    mine.of->failures(number_of(what.why)).add();
    if (!mine.evaluated) mine.of->fallbacks(number_of(what.costs)).add();
}

void meter::count(core::message_done const& what) {
    (what.aborted ? process_.messages_aborted : process_.messages[index_of(what.said)]).add();
    process_.body_bytes.add(what.size);
}

void meter::count(core::session_decided const& what) {
    process_.sessions_refused[index_of(what.said)].add();
}

void meter::count(core::session_refused const&) {
    process_.mta_errors.add();
}

void meter::mta_lost() {
    process_.mta_lost.add();
}

void meter::waits_for(core::child_index i, bool waits) {
    children_[i].of->in_flight.add(waits ? 1 : -1);
}

void meter::block_failed() {
    process_.blocks_failed.add();
}

void meter::question_late() {
    process_.blocks_late.add();
}

void meter::broken_invariant() {
    process_.broken_invariants.add();
}

} // namespace milter::proxy
