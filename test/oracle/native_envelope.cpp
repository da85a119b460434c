// Connect, helo, mail, rcpt, data, unknown: one child after the other.
#include "oracle/native_chain.hpp"

#include <utility>

namespace milter::oracle {

bool chain::may_hear_unknown(child const& one) const { // chain P22
    if (!one.wants('U')) return false;
    if (!mail_open_) return true;
    return !data_told_ && !one.after_data && (one.steps & opt_out_bit('T')) == 0 && case_.offers.version >= 4;
}

chain::opinion chain::ask(std::size_t i, mta_event const& what) {
    auto& one = children_[i];
    if (one.failed) return fallback_of(one, what.code);
    if (what.code == 'U' && !may_hear_unknown(one)) return {};
    tell_macros(i, what); // chain P21a
    if (!one.wants(what.code)) return {};
    if (what.refused && (one.steps & rejected_recipients_bit) == 0) return {}; // chain P21
    if (what.code == 'M') one.told = true;
    auto const mine = hear(one, what.code, tell(i, {what.code, what.payload}));
    if (mine.reply != "c") one.after_data = false;
    return mine.lost ? fallback_of(one, what.code) : mine;
}

// One new try at each message (DEV chain P51).
void chain::try_again(std::size_t i) {
    auto& one = children_[i];
    one = {one.plan, child_actor(*one.plan), one.steps};
    open(i);
    for (auto const* const event : {&connect_, &helo_}) {
        if (event->code == 0) continue;
        tell_macros(i, *event);
        if (!one.wants(event->code)) continue;
        auto const mine = hear(one, event->code, tell(i, {event->code, event->payload}));
        if (mine.lost) return;
        if (mine.terminal() && mine.reply != "d") one.says_late = mine.reply;
        if (mine.reply != "a" && one.says_late.empty()) continue;
        return quit(i);
    }
}

told chain::ask_all(mta_event const& what) {
    auto const said = ask_each(what);
    for (auto const& one : children_) {
        if (one.says_late.empty()) continue;
        refuse_session(std::string(one.says_late)); // it refuses the client, if late (chain P15, P51)
        break;
    }
    return said;
}

void chain::refuse_session(std::string reply) {
    abort_message();
    for (std::size_t i = 0; i < children_.size(); ++i) {
        quit(i);
        children_[i].says_late.clear();
    }
    refused_ = std::move(reply);
}

told chain::ask_each(mta_event const& what) {
    char const at = what.code;
    if (at == 'C') connect_ = what;
    if (at == 'H') helo_ = what;
    if (at == 'M') {
        for (std::size_t i = 0; case_.retries && i < children_.size(); ++i)
            if (children_[i].failed) try_again(i);
        mail_open_ = true;
    }
    if (at == 'T') data_told_ = true;
    for (std::size_t i = 0; i < children_.size(); ++i) {
        auto& one = children_[i];
        if (!one.says_late.empty()) return refuse(i, what, {one.says_late}, true);
        if (one.left || (one.done && !one.failed)) continue;
        auto mine = ask(i, what);
        if (mine.reply == "d" && among(at, "CHU")) mine.reply = "c"; // chain P15, P22
        if (mine.reply == "a") accept(i, at);
        if (mine.terminal()) return refuse(i, what, mine);
    }
    return {"c", at != 'U' && nobody_wants_more()};
}

void chain::accept(std::size_t i, char at) { // chain P14
    if (among(at, "CH")) return quit(i);
    if (at == 'U' && !mail_open_) return;
    children_[i].done = true; // at U: it leaves the message (chain P22)
    last_words_.insert(i);
}

bool chain::nobody_wants_more() const {
    for (auto const& one : children_)
        if (one.here() && !one.done) return false;
    return true;
}

told chain::refuse(std::size_t by, mta_event const& what, opinion const& mine, bool late) {
    char const at = what.code;
    bool const hangs_up = mine.reply.starts_with("y421");
    if (among(at, "CHM")) asked_in_parallel(by, what);
    if (among(at, "CH")) {
        for (std::size_t i = 0; i < children_.size(); ++i)
            quit(i); // chain P15
        refused_ = mine.reply;
    } else if (at != 'U' && (at != 'R' || mine.reply == "d" || hangs_up)) { // chain P17
        bool const still_in_it = at == 'R' && hangs_up;
        if (!still_in_it) children_[by].done = true;
        if (!still_in_it) last_words_.insert(by);
        settle(mine.reply);
    }
    return {mine.reply, false, late};
}

void chain::settle(std::string const& reply) { // chain P16, P18, P30
    for (std::size_t i = 0; i < children_.size(); ++i) {
        abort(i);
        children_[i].done = true;
    }
    decided_ = reply;
}

// V.2: the later ones have been asked, or not.
void chain::asked_in_parallel(std::size_t by, mta_event const& what) {
    for (auto i = by + 1; i < children_.size(); ++i) {
        auto one = children_[i]; // its answer counts for nothing
        bool const may = what.code == 'M' ? one.plan->mail_in_parallel : one.plan->asked_in_parallel;
        if (!one.here() || !may) continue;
        expected more{expected::kind::asked_in_parallel, {}};
        if (what.code == 'M') more.what = expected::kind::cut_short;
        auto const macros = macros_given(case_, *one.plan, what, agreed_.macros);
        if (macros) more.packets.push_back('D' + *macros);
        if (one.wants(what.code)) {
            more.packets.push_back(what.code + what.payload);
            if (macros) one.actor.hears({'D', *macros});
            auto const mine = hear(one, what.code, one.actor.hears({what.code, what.payload}));
            more.finishes = what.code == 'M' && mine.reply != "c";
            if (mine.lost) more.what = expected::kind::fails_in_parallel;
        }
        result_.traces[i].push_back(std::move(more));
    }
}

} // namespace milter::oracle
