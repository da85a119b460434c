#include "core/applicability.hpp"

#include "core/expects.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace milter::core {

namespace {

std::uint32_t bit_of(stage at) {
    return 1u << static_cast<unsigned>(at);
}

bool is_of_envelope(stage at) {
    return at == stage::connect || at == stage::helo || at == stage::mail || at == stage::rcpt ||
           at == stage::data;
}

std::string describe(condition const& by, rule const& which) {
    auto const& where = which.where.empty() ? by.where : which.where;
    return where.empty() ? by.name : by.name + " (" + where + ")";
}

} // namespace

applicability::applicability(scene& shared) : shared_(shared), gates_(shared.children.size()) {
    for (child_index i = 0; i < gates_.size(); ++i)
        for (auto const which : shared_.rules.children[i].conditions)
            for (auto const& one : shared_.rules.conditions[which].rules) {
                gates_[i].stages |= bit_of(one.at);
                gates_[i].connects_late |= one.stops && one.at == stage::connect;
            }
}

bool applicability::has_rules(child_index i, stage at) const {
    return (gates_[i].stages & bit_of(at)) != 0;
}

applicability::result applicability::of(child_index i, event_at_hand const& now, bool earlier_answered) {
    if (!has_rules(i, now.at)) return result::applies;
    prepare(i, now);
    auto& mine = gates_[i];
    if (mine.settled) return mine.outcome;
    std::vector<std::uint32_t> missing;
    mine.outcome = evaluate_rules(i, facts_for(i, now, earlier_answered), missing);
    mine.settled = mine.outcome != result::open;
    if (!missing.empty()) ask(i, now, std::move(missing), earlier_answered);
    return mine.outcome;
}

// Forgets what was known of an event that is over.
void applicability::prepare(child_index i, event_at_hand const& now) {
    auto& mine = gates_[i];
    if (mine.at == now.at && mine.number == now.number) return;
    mine.at = now.at;
    mine.number = now.number;
    mine.answers.clear();
    mine.applied.clear();
    mine.settled = false;
    mine.outcome = result::open;
    std::erase_if(pending_, [&](pending const& one) { return one.child == i; });
}

// All rules are looked at even when one is open, so that what is missing is asked at once.
applicability::result applicability::evaluate_rules(child_index i, facts const& known,
                                                    std::vector<std::uint32_t>& missing) {
    auto& mine = gates_[i];
    bool open = false;
    std::size_t n = 0;
    for (auto const which : shared_.rules.children[i].conditions) {
        expects(which < shared_.rules.conditions.size(), "a child's condition is one of the policy");
        auto const& by = shared_.rules.conditions[which];
        for (auto const& one : by.rules) {
            if (one.at != known.at) continue;
            if (mine.applied.size() <= n) mine.applied.push_back(false);
            bool const applied = mine.applied[n];
            ++n;
            if (applied) continue;
            auto const holds = evaluate(one.when, known, missing);
            open |= holds == truth::open;
            if (holds == truth::open) continue;
            mine.applied[n - 1] = true;
            if (holds != truth::yes) continue;
            set_macros(i, one);
            if (!one.stops) continue;
            mine.reason = {describe(by, one), which, one.at};
            missing.clear();
            return result::skipped;
        }
    }
    return open ? result::open : result::applies;
}

facts applicability::facts_for(child_index i, event_at_hand const& now, bool earlier_answered) const {
    facts known;
    auto const* const mail = shared_.mail.get();
    known.at = now.at;
    known.client = &shared_.client;
    known.helo = shared_.helo_name;
    if (mail) {
        known.sender = mail->sender;
        known.recipients = mail->recipient_list;
    }
    known.recipient = now.recipient;
    known.header_name = now.header_name;
    known.header_value = now.header_value;
    known.headers = now.headers;
    known.size = now.size;
    known.sessions = shared_.sessions;
    known.minute_of_week = shared_.minute_of_week;
    known.macro = [this, i](std::string_view name) { return shared_.children.macro_for(i, name); };
    known.result_of = [this, i](std::string_view name) { return result_of(name, i); };
    known.earlier_answered = earlier_answered;
    known.answer = [this, i](std::uint32_t question) { return answer(i, question); };
    return known;
}

truth applicability::answer(child_index i, std::uint32_t question) const {
    for (auto const& one : gates_[i].answers)
        if (one.question == question) return one.says;
    return truth::open;
}

std::optional<std::string_view> applicability::result_of(std::string_view name, child_index asking) const {
    for (child_index i = 0; i < asking; ++i)
        if (shared_.rules.children[i].name == name) return shared_.result_so_far(i);
    return std::nullopt;
}

void applicability::set_macros(child_index i, rule const& by) {
    auto& children = shared_.children;
    auto const set = [&](std::string const& name, std::string_view value) {
        if (!by.unset_only || children.macros.find(name).empty())
            children.set_own_macro(i, by.at, name, std::string(value));
    };
    for (auto const& [name, value] : by.macros)
        set(name, value);
    for (auto const& [name, source] : by.copies)
        if (auto const value = children.macros.find(source); !value.empty()) set(name, value);
}

// What is asked of the worker for one event of the envelope is asked for all children together.
void applicability::ask(child_index i, event_at_hand const& now, std::vector<std::uint32_t> missing,
                        bool earlier_answered) {
    auto const due = [&](std::uint32_t which) { return is_due(i, which, earlier_answered); };
    if (std::none_of(missing.begin(), missing.end(), due)) return;
    auto all = make_question(now, earlier_answered);
    add_to(*all, i, missing);
    for (child_index other = i + 1; is_of_envelope(now.at) && other < gates_.size(); ++other) {
        auto const link = shared_.children.at(other).link;
        if (!has_rules(other, now.at) || link == child::link::left || link == child::link::failed) continue;
        if (auto const* const part = shared_.part(other); part && part->done) continue;
        prepare(other, now);
        auto& theirs = gates_[other];
        if (theirs.settled) continue;
        missing.clear();
        theirs.outcome = evaluate_rules(other, facts_for(other, now, false), missing);
        theirs.settled = theirs.outcome != result::open;
        add_to(*all, other, missing);
    }
    if (all->items.empty()) return;
    shared_.when.out->add(arm{{deadline::kind::question}, shared_.rules.worker_timeout});
    shared_.when.out->add(ask_worker{std::move(all)});
}

// Whether it has to be asked: not when the answer is on its way, or when it is too early for it.
bool applicability::is_due(child_index i, std::uint32_t question, bool earlier_answered) const {
    for (auto const& one : gates_[i].answers)
        if (one.question == question) return one.wants_results && earlier_answered;
    return true;
}

// Notes the questions as asked. What the worker does not answer is asked right here.
void applicability::add_to(question& all, child_index i, std::vector<std::uint32_t> const& missing) {
    for (auto const which : missing) {
        if (!is_due(i, which, all.earlier_answered)) continue;
        auto& answers = gates_[i].answers;
        std::erase_if(answers, [&](known_answer const& one) { return one.question == which; });
        answers.push_back({which, truth::open});
        bool const of_worker = std::holds_alternative<ruby_block>(shared_.rules.questions[which].of);
        pending_.push_back({of_worker ? all.id : ++last_id_, i, which, of_worker});
        if (of_worker)
            all.items.push_back({i, which, shared_.children.own_macros_of(i)});
        else if (shared_.client.ip)
            shared_.when.out->add(look_up{last_id_, which, *shared_.client.ip});
        else
            store(i, which, truth::no, false);
    }
}

std::shared_ptr<question> applicability::make_question(event_at_hand const& now, bool earlier_answered) {
    auto all = std::make_shared<question>();
    all->id = ++last_id_;
    all->at = now.at;
    all->client = shared_.client;
    all->helo = shared_.helo_name;
    if (shared_.mail) all->sender = shared_.mail->sender;
    all->recipient = now.recipient;
    all->header_name = now.header_name;
    all->header_value = now.header_value;
    all->body = now.body;
    all->sessions = shared_.sessions;
    all->macros = shared_.children.macros.all();
    for (child_index i = 0; i < gates_.size(); ++i) {
        auto const link = shared_.children.at(i).link;
        bool const quitted = link == child::link::left || link == child::link::failed;
        all->children.push_back(
            {shared_.rules.children[i].name, std::string(shared_.result_so_far(i)), quitted});
    }
    all->earlier_answered = earlier_answered;
    return all;
}

void applicability::store(child_index i, std::uint32_t question, truth says, bool wants_results) {
    for (auto& one : gates_[i].answers)
        if (one.question == question) one = {question, wants_results ? truth::open : says, wants_results};
}

void applicability::answered(std::uint32_t id, std::span<block_answer const> answers) {
    auto const asked = std::stable_partition(pending_.begin(), pending_.end(),
                                             [id](pending const& one) { return one.id != id; });
    std::vector<pending> const mine(asked, pending_.end());
    pending_.erase(asked, pending_.end());
    for (auto const& one : mine) {
        auto const said = std::find_if(answers.begin(), answers.end(), [&](block_answer const& each) {
            return !one.of_worker || (each.child == one.child && each.question == one.question);
        });
        if (said == answers.end()) {
            store(one.child, one.question, truth::failed, false);
            continue;
        }
        store(one.child, one.question, said->says, said->wants_results);
        for (auto const& [name, value] : said->macros)
            shared_.children.set_own_macro(one.child, gates_[one.child].at, name, value);
    }
    auto const of_worker = [](pending const& one) { return one.of_worker; };
    if (!mine.empty() && std::none_of(pending_.begin(), pending_.end(), of_worker))
        shared_.when.out->add(disarm{{deadline::kind::question}});
}

void applicability::give_up() {
    auto const late = std::stable_partition(pending_.begin(), pending_.end(),
                                            [](pending const& one) { return !one.of_worker; });
    std::vector<pending> const mine(late, pending_.end());
    pending_.erase(late, pending_.end());
    for (auto const& one : mine) {
        auto const& where = shared_.rules.questions[one.question].where;
        shared_.note(one.child, gates_[one.child].at,
                     "a condition has no answer in time" + (where.empty() ? "" : " (" + where + ")") +
                         "; it does not stop the child");
        store(one.child, one.question, truth::failed, false);
    }
    shared_.when.out->add(disarm{{deadline::kind::question}});
}

void applicability::forget() {
    for (auto& mine : gates_)
        mine.at = stage::negotiate;
    if (std::exchange(pending_, {}).empty()) return;
    shared_.when.out->add(disarm{{deadline::kind::question}});
}

} // namespace milter::core
