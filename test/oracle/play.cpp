#include "oracle/play.hpp"

#include "oracle/actors.hpp"
#include "oracle/dice.hpp"
#include "oracle/edits.hpp"
#include "oracle/mail_model.hpp"

#include "core/session.hpp"
#include "support/words.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

namespace milter::oracle {

namespace {

constexpr std::size_t packet_head = 5; // length and letter

bool among(char code, std::string_view letters) {
    return letters.find(code) != std::string_view::npos;
}

template <class Each>
void for_each_packet(std::string_view bytes, Each each) {
    while (bytes.size() >= packet_head) {
        std::size_t size = 0;
        for (std::size_t i = 0; i < 4; ++i)
            size = size * 256 + static_cast<unsigned char>(bytes[i]);
        each(packet{bytes[4], std::string(bytes.substr(packet_head, size - 1))});
        bytes.remove_prefix(size + 4);
    }
}

core::fallback fallback_of(char code) {
    if (code == 'r') return core::fallback::reject;
    if (code == 't') return core::fallback::temp_fail;
    if (code == 'q') return core::fallback::quarantine;
    if (code == 's') return core::fallback::shutdown;
    return code == 'd' ? core::fallback::discard : core::fallback::accept;
}

core::mta_kind kind_of(session_case const& of) {
    if (of.recognises) return core::mta_kind::automatic;
    if (of.mta == mta_kind::generic) return core::mta_kind::generic;
    return of.sendmail() ? core::mta_kind::sendmail : core::mta_kind::postfix;
}

core::policy policy_of(session_case const& of) {
    core::policy rules;
    rules.mta = kind_of(of);
    rules.chunk_size = of.chunk_size;
    // So that the MTA has to wait now and then; when there is time to be counted, all of it is the end's.
    if (of.timed)
        rules.body_ahead = std::numeric_limits<std::size_t>::max();
    else
        rules.body_ahead = of.chunk_size;
    rules.command_timeout = core::milliseconds(of.command_ms);
    rules.end_of_message_timeout = core::milliseconds(of.end_ms);
    for (auto const& plan : of.children) {
        core::child_policy one;
        one.name = plan.name;
        one.on_failure = fallback_of(plan.fallback);
        one.early_feed = plan.fed_early;
        one.exact_connect = !plan.asked_in_parallel;
        one.parallel_mail = plan.mail_in_parallel;
        one.retry_next_message = of.retries;
        one.evaluation_mode = plan.evaluated;
        one.reading_timeout = core::milliseconds(plan.patience_ms);
        one.end_of_message_timeout = core::milliseconds(plan.patience_at_end_ms);
        rules.children.push_back(std::move(one));
    }
    return rules;
}

class player {
public:
    player(session_case const& of, std::uint64_t order, std::vector<std::size_t> by, bool record)
        : case_(of), rules_(policy_of(of)), session_(rules_), mta_(of, 0, {}), random_(order),
          order_(std::move(by)), record_(record), composed_(of.sendmail()) {
        for (auto const& plan : of.children)
            lines_.push_back({&plan, child_actor(plan), {}, false});
        result_.traces.resize(of.children.size());
    }

    manager_run run() {
        happen(core::mta_connected{});
        step("mta connects");
        packet const offer = packet_of_offer();
        step("mta " + test::words_of_command({offer.code, offer.payload}));
        happen(core::from_mta{{offer.code, offer.payload}});
        constexpr int most_steps = 20'000;
        for (int i = 0; i < most_steps && !session_.finished(); ++i)
            if (!go_on()) break;
        if (!session_.finished())
            result_.broken.emplace_back("the session does not end: somebody waits for ever");
        for (auto i = lines_.size(); i-- > 0;)
            if (lines_[i].plan->evaluated)
                result_.traces.erase(result_.traces.begin() + static_cast<std::ptrdiff_t>(i));
        return std::move(result_);
    }

private:
    struct arrival { // at the manager, from a child
        enum class kind { connected, packet, closed };
        arrival::kind what;
        packet said;
        core::microseconds at{0}; // the earliest
    };
    struct line {
        child_plan const* plan;
        child_actor actor;
        std::deque<arrival> to_come;
        bool negotiating = false;
        bool hangs = false;
        bool has_something(core::microseconds now) const {
            return !to_come.empty() && to_come.front().at <= now;
        }
    };
    struct alarm {
        core::microseconds at;
        core::deadline which;
    };

    packet packet_of_offer() const {
        std::string bytes;
        wire::encode(bytes, wire::negotiate{case_.offers.version, wire::actions(case_.offers.actions),
                                            wire::steps(case_.offers.steps)});
        return {'O', bytes.substr(packet_head)};
    }
    void step(std::string text) {
        if (record_) result_.steps.push_back(std::move(text));
    }

    bool mta_may_speak() const {
        if (!agreed_ || mta_.waits() || mta_left_) return false;
        bool all_here = true;
        bool all_said = true;
        for (auto const& one : lines_) {
            if (one.plan->evaluated) continue;
            all_here = all_here && !one.negotiating; // begun again: chain III knows no such time
            all_said = all_said && one.to_come.empty() && !one.hangs;
        }
        if (!all_here || all_said || !among(asked_, "CHMRTU")) return all_here;
        // It was not told an answer and need not wait for one; but what overtakes a command (chain P49) would
        // keep it from children that have to answer an earlier one first. Nor can one that is tried again
        // (chain P51) and has not caught up be tried at the next message.
        auto ahead = mta_;
        auto const* const next = ahead.next();
        return !next || !among(next->code, "AQKZMH");
    }

    // One thing out of those that can happen now; false when there is none.
    bool go_on() {
        bool const overtakes = mta_.may_overtake() && !mta_left_;
        bool const mta_may = overtakes || mta_may_speak();
        std::size_t choices = mta_may ? 1 : 0;
        for (auto const& one : lines_)
            choices += one.has_something(now_) ? 1U : 0U;
        if (choices == 0) return time_passes();
        auto chosen = order_.empty() ? random_.below(choices) : by_order();
        for (core::child_index i = 0; i < lines_.size(); ++i)
            if (lines_[i].has_something(now_) && chosen-- == 0) return arrive(i), true;
        if (overtakes) {
            result_.overtaken.insert(static_cast<std::size_t>(said_ - case_.events.data()));
            mta_.overtake();
        }
        mta_says();
        return true;
    }

    // The first in the given order whose turn it can be.
    std::size_t by_order() const {
        std::vector<std::size_t> rank(lines_.size());
        std::size_t n = 0;
        for (std::size_t i = 0; i < lines_.size(); ++i)
            rank[i] = lines_[i].has_something(now_) ? n++ : lines_.size();
        for (auto const i : order_)
            if (i < rank.size() && rank[i] < lines_.size()) return rank[i];
        return n; // the MTA
    }

    // Nothing else can happen: something comes later, or the next deadline passes. The MTA is patient.
    bool time_passes() {
        auto later = core::microseconds::max();
        for (auto const& one : lines_)
            if (!one.to_come.empty()) later = std::min(later, one.to_come.front().at);
        std::erase_if(alarms_, [](alarm const& one) { return one.which.what == core::deadline::kind::mta; });
        auto const next = std::min_element(alarms_.begin(), alarms_.end(),
                                           [](alarm const& a, alarm const& b) { return a.at < b.at; });
        if (later != core::microseconds::max() && (next == alarms_.end() || later <= next->at)) {
            pass_until(later);
            return true;
        }
        if (next == alarms_.end()) return false;
        auto const [at, which] = *next;
        alarms_.erase(next);
        pass_until(at);
        happen(core::deadline_passed{which});
        return true;
    }
    void pass_until(core::microseconds at) {
        if (at > now_) step("pass " + std::to_string((at - now_).count() / 1000) + "ms");
        now_ = at;
    }

    void arrive(core::child_index i) {
        auto const next = std::move(lines_[i].to_come.front());
        lines_[i].to_come.pop_front();
        auto const& name = lines_[i].plan->name;
        switch (next.what) {
        case arrival::kind::connected:
            step(name + " connects");
            return happen(core::child_connected{i});
        case arrival::kind::closed:
            step(name + " closes");
            return happen(core::child_lost{i, core::failure::closed, ""});
        case arrival::kind::packet:
            if (next.said.code == 'O') lines_[i].negotiating = false;
            bool const known = among(next.said.code, "Zz");
            if (record_)
                step(name + " " +
                     (known ? "raw Z ?" : test::words_of_reply({next.said.code, next.said.payload})));
            return happen(core::from_child{i, {next.said.code, next.said.payload}});
        }
    }

    void mta_says() {
        auto const* const said = mta_.next();
        said_ = said;
        if (!said) {
            mta_left_ = true;
            return;
        }
        mta_left_ = among(said->code, "QZ");
        if (auto const& macros = mta_.macros()) {
            if (record_) step("mta " + test::words_of_command({'D', *macros}));
            happen(core::from_mta{{'D', *macros}});
        }
        if (mta_.only_macros()) return;
        if (among(said->code, "MCAHK")) composed_ = mail_model(case_.sendmail());
        if (said->code == 'Z') {
            step("mta closes");
            return happen(core::mta_lost{"closed"});
        }
        auto payload = said->payload;
        if (said->code == 'L') {
            auto const cut = payload.find('\0');
            auto value = payload.substr(cut + 1, payload.size() - cut - 2);
            if (!leading_space_ && value.starts_with(' ')) value.erase(0, 1);
            payload = payload.substr(0, cut + 1) + value + '\0';
            composed_.receive(payload.substr(0, cut), raw(value));
        }
        if (record_) step("mta " + mta_words(*said, payload));
        asked_ = said->code;
        asked_at_ = told_at_ = now_;
        happen(core::from_mta{{said->code, payload}});
    }
    std::string raw(std::string_view value) const { return (leading_space_ ? "" : " ") + std::string(value); }
    static std::string mta_words(mta_event const& said, std::string const& payload) {
        if (said.code != 'C') return test::words_of_command({said.code, payload});
        auto const command = wire::decode_command({said.code, payload});
        auto const& connect = std::get<wire::connect>(*command);
        return "connect " + std::string(connect.host) + " " + std::string(connect.address);
    }

    void happen(core::event const& what) {
        later_.push_back(what);
        while (!later_.empty()) {
            auto const next = later_.front();
            later_.pop_front();
            session_.handle(next, now_, todo_);
            for (auto const& one : todo_.todo())
                perform(one);
            todo_.clear();
        }
    }

    void perform(core::action const& what) {
        using namespace core;
        auto const body_text = [&](auto const& of) {
            return bodies_[of.body].substr(static_cast<std::size_t>(of.offset), of.size);
        };
        if (auto const* const a = std::get_if<to_mta>(&what))
            for_each_packet(todo_.bytes(a->bytes), [&](packet const& one) { mta_hears(one); });
        else if (auto const* const b = std::get_if<to_child>(&what))
            for_each_packet(todo_.bytes(b->bytes), [&](packet const& one) { child_hears(b->child, one); });
        else if (auto const* const e = std::get_if<arm>(&what)) {
            std::erase_if(alarms_, [&](alarm const& one) { return one.which == e->which; });
            alarms_.push_back({now_ + e->from_now, e->which});
        } else if (auto const* const f = std::get_if<disarm>(&what))
            std::erase_if(alarms_, [&](alarm const& one) { return one.which == f->which; });
        else if (auto const* const c = std::get_if<connect_child>(&what)) {
            auto& one = lines_[c->child];
            one = {one.plan, child_actor(*one.plan), {}, true};
            one.to_come.push_back({arrival::kind::connected, {}});
        } else if (auto const* const d = std::get_if<close_child>(&what)) {
            lines_[d->child].negotiating = lines_[d->child].hangs = false;
            lines_[d->child].to_come.clear();
        } else if (auto const* const g = std::get_if<keep>(&what))
            bodies_[g->body] += g->packet.empty() ? todo_.bytes(g->bytes) : g->packet;
        else if (auto const* const h = std::get_if<drop_body>(&what))
            bodies_.erase(h->body);
        else if (auto const* const k = std::get_if<forget_body>(&what)) // whoever reads it yet is seen
            std::fill_n(bodies_[k->body].begin(), k->below, '?');
        else if (auto const* const i = std::get_if<send_body>(&what)) {
            child_hears(i->child, {'B', body_text(*i)});
            later_.push_back(body_sent{i->child});
        } else if (auto const* const j = std::get_if<send_body_to_mta>(&what)) {
            mta_hears({'b', body_text(*j)});
            later_.push_back(body_sent_to_mta{});
        }
    }

    void child_hears(core::child_index i, packet const& said) {
        auto& one = lines_[i];
        result_.traces[i].push_back(said.text());
        auto const mine = one.actor.hears(said);
        auto at = one.to_come.empty() ? now_ : std::max(now_, one.to_come.back().at);
        for (auto const& reply : mine.replies) {
            at += core::milliseconds(reply.after_ms);
            one.to_come.push_back({arrival::kind::packet, reply, at});
        }
        if (mine.closes) one.to_come.push_back({arrival::kind::closed, {}, at});
        one.hangs |= mine.hangs;
    }

    void mta_hears(packet const& said) {
        if (said.code == 'p') return progress();
        if (said.code == 'O') return agree(said);
        if (among(said.code, "himb+2-eq")) return edits_.push_back(said);
        if (!mta_.waits()) {
            result_.broken.push_back("the MTA is told [" + said.text() + "] and has not asked");
            return;
        }
        is_told_in_time();
        bool const in_content = among(asked_, "LNB");
        bool const counts = !in_content || (!among(said.code, "cs") && !mta_.abandons());
        mta_.heard(said);
        if (asked_ == 'E' && said.code == 'c') result_.mta.push_back(compose());
        if (asked_ == 'E' || (counts && in_content)) composed_ = mail_model(case_.sendmail());
        if (asked_ != 'E' && !edits_.empty()) result_.broken.emplace_back("edits that belong to no message");
        edits_.clear();
        if (counts) result_.mta.push_back(said.text());
    }

    void progress() { // chain P54
        if (!mta_.waits()) result_.broken.emplace_back("progress where the MTA does not wait");
        if (asked_ != 'E' && case_.mta != mta_kind::postfix)
            result_.broken.emplace_back("progress before the end of the message");
        is_told_in_time();
    }
    // chain P53, P54: never later than it can stand.
    void is_told_in_time() {
        auto const most = core::milliseconds(asked_ == 'E' ? case_.end_ms : case_.command_ms);
        if (now_ - asked_at_ > most) result_.broken.emplace_back("the MTA had to wait too long");
        constexpr core::milliseconds interval{5000};
        bool const hears_progress = asked_ == 'E' || case_.mta == mta_kind::postfix;
        if (hears_progress && now_ - told_at_ > interval) result_.broken.emplace_back("no progress in time");
        told_at_ = now_;
    }

    void agree(packet const& said) {
        auto const reply = wire::decode_reply({said.code, said.payload});
        auto said_to_us = std::get<wire::negotiated>(*reply);
        result_.agreed.steps = said_to_us.steps.bits();
        while (auto const list = said_to_us.next())
            result_.agreed.macros[list->stage] = names_on_wire(list->names);
        leading_space_ = (result_.agreed.steps & leading_space_bit) != 0;
        mta_ = mta_actor(case_, result_.agreed.steps, result_.agreed.macros);
        agreed_ = true;
    }

    std::string compose() {
        composed_.receive_body(mta_.body());
        apply_edits(composed_, edits_, leading_space_);
        return composed_.whole();
    }

    session_case const& case_;
    core::policy rules_;
    core::session session_;
    core::actions todo_;
    std::deque<core::event> later_;
    std::map<core::body_id, std::string> bodies_;
    std::vector<line> lines_;
    mta_actor mta_;
    dice random_;
    std::vector<std::size_t> order_;
    std::vector<alarm> alarms_;
    core::microseconds now_{0};
    core::microseconds asked_at_{0}; // by the MTA
    core::microseconds told_at_{0};  // the MTA, anything
    bool record_;
    bool agreed_ = false;
    mta_event const* said_ = nullptr; // by the MTA, last
    bool leading_space_ = false;
    bool mta_left_ = false;
    char asked_ = 0;
    std::vector<packet> edits_;
    mail_model composed_;
    manager_run result_;
};

} // namespace

manager_run run_with_manager(session_case const& of, std::uint64_t order, bool record) {
    return player(of, order, {}, record).run();
}
manager_run run_in_order(session_case const& of, std::vector<std::size_t> const& order) {
    return player(of, 0, order, false).run();
}

} // namespace milter::oracle
