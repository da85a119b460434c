#include "support/memory_stage.hpp"

#include "support/frames.hpp"
#include "support/words.hpp"

#include <algorithm>
#include <charconv>

namespace milter::test {

namespace {

using problem = tl::unexpected<std::string>;

} // namespace

std::string name_of(memory_stage::fault how) {
    constexpr std::array<std::string_view, memory_stage::all_faults.size()> names{"close", "cut", "reset",
                                                                                  "garbage", "silence"};
    return std::string(names[static_cast<std::size_t>(how)]);
}

tl::expected<std::vector<std::string>, std::string> memory_stage::perform(std::string_view step) {
    out_.clear();
    auto const whole = step;
    auto const who = take_word(step);
    tl::expected<void, std::string> done;
    if (who == "children") {
        memory_.clear();
        done = read_children(step, cast_);
    } else if (who == "condition")
        done = read_condition(step, cast_);
    else if (who == "policy")
        done = read_policy(step, cast_);
    else if (who == "start")
        done = start(step.empty() ? default_offer : step);
    else if (!session_ && !(who == "mta" && step.starts_with("connects")))
        return problem("the session has not begun: " + std::string(whole));
    else if (who == "pass")
        pass(read_duration(step));
    else if (who == "mta")
        done = mta_does(step);
    else if (who == "answer")
        done = answer(step);
    else if (who == "client") // gone, or still there: the answer to what was asked last
        happen(core::client_checked{last_check_, step == "gone"});
    else if (auto const i = cast_.index_of(who); i < cast_.rules.children.size())
        done = child_does(static_cast<core::child_index>(i), step);
    else
        return problem("nobody is called " + std::string(who));
    if (!done) return problem(done.error());
    return out_;
}

// The MTA connects and offers; the children connect and agree to what `children` says. Only the MTA's view is
// told.
tl::expected<void, std::string> memory_stage::start(std::string_view offer) {
    if (auto done = mta_does("connects"); !done) return done;
    if (auto done = mta_does(offer); !done) return done;
    for (core::child_index i = 0; i < cast_.rules.children.size(); ++i) {
        if (auto done = child_does(i, "connects"); !done) return done;
        if (auto done = child_does(i, agreement_of(cast_, i)); !done) return done;
    }
    std::erase_if(out_, [](std::string const& line) { return !line.starts_with("mta <- agree"); });
    return {};
}

tl::expected<void, std::string> memory_stage::mta_does(std::string_view what) {
    if (what.starts_with("connects")) {
        memory_.resize(cast_.rules.children.size());
        session_ = std::make_unique<core::session>(cast_.rules, &memory_);
        watch_ = std::make_unique<invariants>(cast_.rules.children.size());
        safety_ = std::make_unique<safety>(cast_.rules);
        core::mta_connected begun;
        take_word(what);
        while (!what.empty()) {
            auto const word = take_word(what);
            auto const value = word.substr(std::min(word.find('=') + 1, word.size()));
            if (word.starts_with("sessions="))
                std::from_chars(value.data(), value.data() + value.size(), begun.sessions);
            else if (word.starts_with("minute="))
                std::from_chars(value.data(), value.data() + value.size(), begun.minute_of_week);
            else
                return problem("no such fact: " + std::string(word));
        }
        alarms_.clear();
        happen(begun);
    } else if (what == "closes") {
        happen(core::mta_lost{"closed"});
    } else {
        std::string bytes;
        if (auto written = write_command(what, bytes); !written) return written;
        for_each_frame(bytes, [&](wire::frame const& packet) { happen(core::from_mta{packet}); });
        client_told_ = client_told_ || what.starts_with("connect ");
    }
    return {};
}

tl::expected<void, std::string> memory_stage::child_does(core::child_index i, std::string_view what) {
    if (what == "connects")
        happen(core::child_connected{i});
    else if (what == "refuses")
        happen(core::child_lost{i, core::failure::no_connection, "Connection refused"});
    else if (what == "closes")
        happen(core::child_lost{i, core::failure::closed, ""});
    else {
        bool const out_of_pool = what.starts_with("ready "); // what it had answered to the offer
        if (out_of_pool) what.remove_prefix(6);
        std::string bytes;
        if (auto written = write_reply(what, bytes); !written) return written;
        for_each_frame(bytes, [&](wire::frame const& packet) {
            if (out_of_pool)
                happen(core::child_ready{i, packet});
            else
                happen(core::from_child{i, packet});
        });
    }
    return {};
}

// answer ID [CHILD=yes|no|results] [CHILD:MACRO=VALUE]...: the child's only question of that ID. What is left
// out cannot be known.
tl::expected<void, std::string> memory_stage::answer(std::string_view what) {
    std::uint32_t id = 0;
    auto const number = take_word(what);
    std::from_chars(number.data(), number.data() + number.size(), id);
    std::vector<core::block_answer> all = asked_[id];
    if (all.empty()) return problem("nothing was asked under that number");
    std::vector<core::block_answer> said;
    while (!what.empty()) {
        auto const word = take_word(what);
        auto const equals = std::min(word.find('='), word.size());
        auto const value = word.substr(std::min(equals + 1, word.size()));
        auto const key = word.substr(0, equals);
        if (auto const colon = key.find(':'); colon != key.npos) {
            if (said.empty()) return problem("a macro comes behind its child's answer: " + std::string(word));
            said.back().macros.emplace_back(key.substr(colon + 1), value);
            continue;
        }
        auto const child = cast_.index_of(key);
        auto const mine = std::find_if(all.begin(), all.end(),
                                       [&](core::block_answer const& one) { return one.child == child; });
        if (mine == all.end()) return problem("not asked for " + std::string(key));
        said.push_back(*mine);
        said.back().says = value == "yes" ? core::truth::yes : core::truth::no;
        said.back().wants_results = value == "results";
        all.erase(mine);
    }
    happen(core::answered{id, said});
    return {};
}

bool memory_stage::is_asked(std::string_view step) const {
    take_word(step);
    std::uint32_t id = 0;
    std::from_chars(step.data(), step.data() + step.size(), id);
    return asked_.contains(id);
}

void memory_stage::ask(core::question const& what) {
    std::string text =
        "question " + std::to_string(what.id) + " at " + std::string(core::name_of(what.at)) + ":";
    for (auto const& one : what.items) {
        auto const& source = std::get<core::ruby_block>(cast_.rules.questions[one.question].of);
        text += " " + name(one.child) + " block " + std::to_string(source.id);
        asked_[what.id].push_back({one.child, one.question, core::truth::failed, false, {}});
    }
    if (what.earlier_answered)
        for (auto const& one : what.children)
            if (!one.said.empty()) text += " (" + one.name + ": " + one.said + ")";
    note(std::move(text));
}

std::vector<std::string> memory_stage::inject(core::child_index child, fault what) {
    out_.clear();
    auto const lost = [&](core::failure why) {
        happen(core::child_lost{child, is_connecting(child) ? core::failure::no_connection : why, ""});
    };
    switch (what) {
    case fault::closes:
        lost(core::failure::closed);
        break;
    case fault::cut:
        lost(core::failure::cut);
        break;
    case fault::resets:
        lost(core::failure::reset);
        break;
    case fault::garbage:
        if (is_connecting(child)) return inject(child, fault::closes);
        happen(core::from_child{child, {'Z', "?"}});
        break;
    case fault::silence:
        break;
    }
    return out_;
}

void memory_stage::happen(core::event const& what) {
    later_.push_back(what);
    while (!later_.empty()) {
        auto const next = later_.front();
        later_.pop_front();
        watch_->happened(next);
        safety_->happened(next);
        session_->handle(next, now_, todo_);
        for (auto const& one : todo_.todo()) {
            watch_->asked(one, todo_);
            safety_->asked(one, todo_);
            perform(one);
        }
        todo_.clear();
    }
}

void memory_stage::perform(core::action const& what) {
    using namespace core;
    auto const body_text = [&](body_id id, std::uint64_t offset, std::size_t size) {
        return quoted(std::string_view(bodies_[id]).substr(static_cast<std::size_t>(offset), size));
    };
    if (auto const* const a = std::get_if<to_mta>(&what))
        for_each_frame(todo_.bytes(a->bytes),
                       [&](wire::frame const& one) { tell("mta", words_of_reply(one)); });
    else if (auto const* const b = std::get_if<to_child>(&what))
        for_each_frame(todo_.bytes(b->bytes),
                       [&](wire::frame const& one) { tell(name(b->child), words_of_command(one)); });
    else if (auto const* const c = std::get_if<connect_child>(&what))
        note(name(c->child) + ": to be connected");
    else if (auto const* const d = std::get_if<close_child>(&what))
        note(name(d->child) + ": closed");
    else if (std::holds_alternative<close_mta>(what))
        note("mta: closed");
    else if (auto const* const e = std::get_if<arm>(&what)) {
        std::erase_if(alarms_, [&](alarm const& one) { return one.which == e->which; });
        alarms_.push_back({now_ + e->from_now, e->which});
    } else if (auto const* const f = std::get_if<disarm>(&what))
        std::erase_if(alarms_, [&](alarm const& one) { return one.which == f->which; });
    else if (auto const* const g = std::get_if<keep>(&what))
        bodies_[g->body] += g->packet.empty() ? todo_.bytes(g->bytes) : g->packet;
    else if (auto const* const h = std::get_if<drop_body>(&what))
        bodies_.erase(h->body);
    else if (auto const* const p = std::get_if<forget_body>(&what)) // whoever reads it yet is seen
        std::fill_n(bodies_[p->body].begin(), p->below, '?');
    else if (auto const* const i = std::get_if<send_body>(&what)) {
        tell(name(i->child), "body " + body_text(i->body, i->offset, i->size));
        later_.push_back(body_sent{i->child});
    } else if (auto const* const j = std::get_if<send_body_to_mta>(&what)) {
        tell("mta", "replace-body " + body_text(j->body, j->offset, j->size));
        later_.push_back(body_sent_to_mta{});
    } else if (auto const* const k = std::get_if<ask_worker>(&what))
        ask(*k->what);
    else if (auto const* const l = std::get_if<look_up>(&what)) {
        asked_[l->id].push_back({0, l->question, truth::failed, false, {}});
        note("look up " + std::to_string(l->id));
    } else if (auto const* const o = std::get_if<check_client>(&what)) {
        last_check_ = o->what->id;
        note("client: to be looked for");
    } else if (auto const* const m = std::get_if<remember>(&what))
        memory_[m->child] = session::remembered{m->offer, m->agreed};
    else if (!is_statistics(what))
        note(words_of_note(what));
}

bool memory_stage::is_statistics(core::action const& what) {
    using namespace core;
    return std::holds_alternative<child_answered>(what) || std::holds_alternative<child_skipped>(what) ||
           std::holds_alternative<session_ended>(what) || std::holds_alternative<child_left>(what) ||
           std::holds_alternative<header_told>(what) || std::holds_alternative<quarantine_told>(what);
}

std::string memory_stage::words_of_note(core::action const& what) const {
    using namespace core;
    if (auto const* const a = std::get_if<child_failed>(&what))
        return name(a->child) + ": failed at " + std::string(name_of(a->at)) + ": " +
               std::string(describe(a->why)) + (a->detail.empty() ? "" : ": " + a->detail) + " -> " +
               std::string(name_of(a->costs));
    if (auto const* const b = std::get_if<oddity>(&what))
        return (b->child ? name(*b->child) : "mta") + ": odd at " + std::string(name_of(b->at)) + ": " +
               b->text;
    if (auto const* const c = std::get_if<message_done>(&what)) {
        std::string text = "message: " + std::string(c->aborted ? "aborted" : name_of(c->said));
        if (c->decided_by) text += " by " + name(*c->decided_by);
        text += " at " + std::string(name_of(c->at)) + " (";
        for (child_index i = 0; i < c->children.size(); ++i) {
            auto const& one = c->children[i];
            text += (i > 0 ? " " : "") + name(i) + ":" + one.said;
            if (one.said == "skipped") text += " by " + one.skipped_by;
        }
        return text + ")";
    }
    if (auto const* const d = std::get_if<session_decided>(&what))
        return "session: " + std::string(name_of(d->said)) + " by " + name(d->by) + " at " +
               std::string(name_of(d->at));
    if (auto const* const e = std::get_if<evaluated>(&what))
        return name(e->child) + ": would say " + e->result.said + ", " + std::to_string(e->result.edits) +
               " edits";
    if (auto const* const g = std::get_if<client_gone>(&what))
        return "client gone" +
               (g->at ? ": " + std::string(name_of(g->said)) + " at " + std::string(name_of(*g->at)) : "");
    if (auto const* const f = std::get_if<session_refused>(&what)) return "mta refused: " + f->text;
    return "?";
}

// The first alarm that is due by then rings; false when there is none.
bool memory_stage::next_alarm(core::microseconds until) {
    auto const first = std::min_element(alarms_.begin(), alarms_.end(),
                                        [](alarm const& a, alarm const& b) { return a.at < b.at; });
    if (first == alarms_.end() || first->at > until) return false;
    now_ = std::max(now_, first->at);
    auto const which = first->which;
    alarms_.erase(first);
    happen(core::deadline_passed{which});
    return true;
}

void memory_stage::pass(core::microseconds time) {
    auto const until = now_ + time;
    while (next_alarm(until)) {
    }
    now_ = until;
}

std::vector<std::string> memory_stage::run_out() {
    out_.clear();
    constexpr core::microseconds for_ever{std::chrono::hours(24 * 365)};
    for (int rings = 0; rings < 10'000 && !finished() && next_alarm(for_ever); ++rings) {
    }
    return out_;
}

bool memory_stage::ring(std::vector<std::string>& came) {
    out_.clear();
    constexpr core::microseconds for_ever{std::chrono::hours(24 * 365)};
    bool const rang = next_alarm(for_ever);
    came = out_;
    return rang;
}

std::vector<std::string> memory_stage::broken() const {
    if (!watch_) return {};
    auto all = watch_->broken();
    all.insert(all.end(), safety_->broken().begin(), safety_->broken().end());
    // The message's, and what each child makes of it (chain P45, P66).
    if (bodies_.size() > 1 + cast_.rules.children.size())
        all.emplace_back("more bodies are kept than there can be");
    if (finished() && !bodies_.empty()) all.emplace_back("a body is kept beyond the session");
    return all;
}

} // namespace milter::test
