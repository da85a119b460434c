#include "oracle/native.hpp"

#include "oracle/native_chain.hpp"

#include "wire/command.hpp"

#include <algorithm>
#include <utility>

namespace milter::oracle {

namespace {

// chain P20: a text that every MTA takes goes as it is, another becomes r or t by its first digit.
std::string as_mta_takes_it(std::string text) {
    while (!text.empty() && text.back() == '\0')
        text.pop_back();
    bool valid = text.size() > 4 && (text[0] == '4' || text[0] == '5');
    for (std::size_t i = 0; valid && i < text.size(); ++i)
        if (text[i] == '%' && (++i == text.size() || text[i] != '%')) valid = false;
    if (valid && (text[4] == '4' || text[4] == '5') && text[4] != text[0]) valid = false;
    if (valid) return "y" + text + '\0';
    return text.starts_with('5') ? "r" : "t";
}

// DEV chain P25
std::string shutdown_reply() {
    return std::string("y421 4.7.0 Service unavailable, closing connection") + '\0';
}

} // namespace

chain::chain(session_case const& of, agreement agreed)
    : case_(of), agreed_(std::move(agreed)), leading_space_((agreed_.steps & leading_space_bit) != 0),
      mail_(of.sendmail()) {
    for (auto const& plan : of.children)
        children_.push_back({&plan, child_actor(plan), agreed_steps(plan, of.offers)});
    result_.traces.resize(of.children.size());
    for (std::size_t i = 0; i < children_.size(); ++i)
        open(i);
}

// Whatever the command is, it ends what was before it.
void chain::prepare(mta_event const& what) {
    if (!among(what.code, "LNBE") && in_content_) leave_content(what.code);
    if (refused_.empty() && among(what.code, "HM")) abort_message(); // chain P24
}

std::optional<told> chain::take(mta_event const& what) {
    char const code = what.code;
    prepare(what);
    spent_ms_ = 0;
    time_is_up_ = false;
    if (among(code, "QZ")) return leave(code == 'Z'), std::nullopt;
    if (code == 'K') return begin_again(), std::nullopt;
    if (code == 'A') return abort_message(), std::nullopt;
    if (!refused_.empty()) return told{refused_, false, true};
    if (among(code, "LNBE")) return content(what);
    if (!decided_.empty() && code != 'U') return told{decided_, false, true}; // chain P18, P19
    return ask_all(what);
}

void chain::take_macros(mta_event const& what) { // chain P21a
    for (std::size_t i = 0; i < children_.size(); ++i)
        if (children_[i].here() && !children_[i].done) tell_macros(i, what);
}

// Each child has got as much of what it natively gets as there was time for (chain P49).
void chain::take_overtaken(mta_event const& what, char next) {
    prepare(what);
    chain to_its_end = *this;
    to_its_end.last_words_.clear();
    to_its_end.take(what);
    for (std::size_t i = 0; i < children_.size(); ++i) {
        auto& one = children_[i];
        if (!one.here() || one.done) continue;
        expected more{expected::kind::cut_short, {}, expected::abort::if_told, one.told, what.code == 'E'};
        if (next == 'Q') more.aborted = expected::abort::never; // chain P46
        more.finishes |= to_its_end.last_words_.contains(i);
        auto const& longer = to_its_end.result_.traces[i];
        for (auto at = result_.traces[i].size(); at < longer.size(); ++at) {
            auto const& piece = longer[at];
            bool const ends =
                piece.packets.size() == 1 && (piece.packets[0] == "A" || piece.packets[0] == "Q");
            if (ends) break; // what the end of it would have brought
            more.packets.insert(more.packets.end(), piece.packets.begin(), piece.packets.end());
            more.finishes |= piece.finishes;
        }
        result_.traces[i].push_back(std::move(more));
        one.told = one.after_data = false;
    }
    abort_message();
}

void chain::note(std::size_t i, packet const& sent) {
    result_.traces[i].push_back({expected::kind::packet, {sent.text()}});
}
answer chain::tell(std::size_t i, packet const& sent) {
    note(i, sent);
    if (sent.code != 'D') children_[i].after_data = sent.code == 'T';
    return children_[i].actor.hears(sent);
}
void chain::tell_macros(std::size_t i, mta_event const& what) {
    if (auto const macros = macros_given(case_, *children_[i].plan, what, agreed_.macros))
        tell(i, {'D', *macros});
}
void chain::open(std::size_t i) {
    std::string bytes;
    auto const& offers = case_.offers;
    wire::encode(bytes,
                 wire::negotiate{offers.version, wire::actions(offers.actions), wire::steps(offers.steps)});
    constexpr std::size_t length = 4;
    tell(i, {'O', bytes.substr(length + 1)});
}
void chain::quit(std::size_t i) {
    if (!children_[i].here()) return;
    note(i, {'Q', ""});
    children_[i].left = true;
}
void chain::abort(std::size_t i) {
    auto& one = children_[i];
    if (one.here() && one.told && !one.done) tell(i, {'A', ""});
    one.told = one.done = false;
    one.edits.clear();
}
void chain::abort_message() {
    for (std::size_t i = 0; i < children_.size(); ++i)
        abort(i);
    decided_.clear();
    mail_ = mail_model(case_.sendmail());
    body_.clear();
    in_content_ = mail_open_ = data_told_ = headers_over_ = false;
}
void chain::leave(bool without_a_word) {
    if (without_a_word) abort_message(); // chain P46; with a quit only that
    for (std::size_t i = 0; i < children_.size(); ++i)
        quit(i);
}
void chain::begin_again() { // chain P47
    abort_message();
    for (std::size_t i = 0; i < children_.size(); ++i) {
        quit(i);
        children_[i] = {children_[i].plan, child_actor(*children_[i].plan), children_[i].steps};
        open(i);
    }
    refused_.clear();
    connect_ = helo_ = {};
}

// Waits for what it says: each time as long as the manager has patience, all together as long as the chain
// has time (chain P53). Whoever is asked when that is over has no time at all.
bool chain::in_time(child const& one, char at, answer const& said) {
    bool const silent = silence_bit(at) != 0 && (one.steps & silence_bit(at)) != 0;
    if (!case_.timed || silent) return true;
    if (at == 'C' || at == 'H') { // all at once, or one after the other
        if (one.plan->asked_in_parallel) spent_ms_ = 0, time_is_up_ = false;
    }
    auto const budget = among(at, "LNBE") ? case_.end_ms : case_.command_ms;
    auto const patience = at == 'E' ? one.plan->patience_at_end_ms : one.plan->patience_ms;
    unsigned waited = 0;
    auto const pass = [&](unsigned ms) {
        auto const until = spent_ms_ + std::min(ms, patience - waited);
        bool const too_long = ms > patience - waited;
        time_is_up_ = time_is_up_ || until > budget;
        spent_ms_ = std::min(until, budget);
        waited += ms;
        return !too_long && !time_is_up_;
    };
    for (auto const& reply : said.replies) {
        if (!pass(reply.after_ms)) return false;
        if (reply.code == 'p' && at != 'E') waited = 0; // its own time begins again
    }
    return !said.hangs || pass(patience + 1);
}

chain::opinion chain::hear(child& one, char at, answer const& said) {
    opinion mine;
    if (!in_time(one, at, said)) return one.failed = mine.lost = true, mine;
    for (auto const& reply : said.replies) {
        if (reply.code == 'p') continue; // chain P42
        if (at == 'E' && among(reply.code, "himb+2-eq")) {
            mine.edits.push_back(reply);
            continue;
        }
        if (reply.code == 'q' && mail_open_) { // chain P42: kept until the end
            one.edits.push_back(reply);
            continue;
        }
        if (!among(reply.code, "cartdys4")) return one.failed = mine.lost = true, mine; // chain P25, P42
        mine.reply = reply.text();
        if (reply.code == 'y') mine.reply = as_mta_takes_it(reply.payload);
        if (reply.code == '4') mine.reply = shutdown_reply();
        if (reply.code == 's' && at != 'B') mine.reply = "c"; // chain P29
        return mine;
    }
    if (said.closes || said.hangs) one.failed = mine.lost = true;
    return mine;
}

// DEV chain P50: a failed child's fallback speaks for it, at once and at every later event.
chain::opinion chain::fallback_of(child const& one, char at) const {
    opinion mine{std::string(1, one.plan->fallback), true};
    if (among(one.plan->fallback, "aq")) mine.reply = "c";
    if (one.plan->fallback == 's') mine.reply = shutdown_reply();
    if (mine.reply == "d" && among(at, "CHU")) mine.reply = "c"; // takes effect at the next mail
    return mine;
}

native_run run_natively(session_case const& with_all, agreement const& agreed,
                        std::set<std::size_t> const& overtaken) {
    auto of = with_all;
    std::erase_if(of.children, [](child_plan const& one) { return one.evaluated; });
    chain natively(of, agreed);
    mta_actor mta(of, agreed.steps, agreed.macros);
    auto& result = natively.result();
    while (auto const* const said = mta.next()) {
        if (mta.only_macros()) {
            natively.take_macros(*said);
            continue;
        }
        if (overtaken.contains(static_cast<std::size_t>(said - of.events.data()))) {
            natively.take_overtaken(*said, mta.next_code());
            mta.overtake();
            continue;
        }
        auto const reply = natively.take(*said);
        if (!reply) continue;
        bool const in_content = among(said->code, "LNB");
        if (!mta.waits()) {
            if (among(reply->reply[0], "rtdy") && !in_content && !reply->remembered)
                result.mta.push_back({"a refusal that nobody waits for"});
            continue;
        }
        mta.heard({reply->reply[0], reply->reply.substr(1)});
        if (!in_content || !reply->reply.starts_with('c')) result.mta.push_back(*reply);
    }
    return std::move(result);
}

} // namespace milter::oracle
