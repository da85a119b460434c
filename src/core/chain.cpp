#include "core/chain.hpp"

#include <algorithm>
#include <utility>

namespace milter::core {

namespace {

deadline reply_of(child_index i) {
    return {deadline::kind::reply, i};
}
deadline connecting_of(child_index i) {
    return {deadline::kind::connecting, i};
}

// What statistics call a loss (logs 4): its own state for whoever was not there or too slow, else what it
// costs.
std::string_view said_by_losing(child const& one, failure why) {
    switch (why) {
    case failure::no_connection:
    case failure::late:
    case failure::stuck:
        return "pass";
    case failure::garbage:
    case failure::protocol:
    case failure::limit:
        return "error";
    case failure::closed:
    case failure::cut:
    case failure::reset:
        break;
    }
    if (one.evaluated()) return "pass";
    if (one.rules->on_failure == fallback::shutdown) return name_of(fallback::temp_fail);
    return name_of(one.rules->on_failure);
}

} // namespace

std::string_view describe(failure why) {
    switch (why) {
    case failure::no_connection:
        return "cannot connect";
    case failure::closed:
        return "it closed the connection";
    case failure::cut:
        return "it closed the connection inside a packet";
    case failure::reset:
        return "connection broken";
    case failure::garbage:
        return "it does not speak the milter protocol";
    case failure::protocol:
        return "protocol violation";
    case failure::late:
        return "no answer in time";
    case failure::stuck:
        return "it does not read in time";
    case failure::limit:
        return "limit exceeded";
    }
    return "failed";
}

std::string_view word_of(failure why) {
    switch (why) {
    case failure::no_connection:
        return "no-connection";
    case failure::closed:
        return "closed";
    case failure::cut:
        return "cut";
    case failure::reset:
        return "reset";
    case failure::garbage:
        return "garbage";
    case failure::protocol:
        return "protocol";
    case failure::late:
        return "late";
    case failure::stuck:
        return "stuck";
    case failure::limit:
        return "limit";
    }
    return "failed";
}

void actions::clear() {
    todo_.clear();
    arena_.clear();
    constexpr std::size_t kept = 16 * 1024;
    if (arena_.capacity() > kept) arena_.shrink_to_fit();
}

chain::chain(policy const& rules)
    : children_(rules.children.size()), evaluation_queue_(rules.evaluation_queue) {
    for (std::size_t i = 0; i < children_.size(); ++i)
        children_[i].rules = &rules.children[i];
}

void chain::connect(child_index i) {
    auto& one = at(i);
    expects(!one.ready() && !one.settling(), "a child has one connection at a time");
    one.link = child::link::connecting;
    one.skipped_by.clear();
    one.said = {};
    one.last = stage::negotiate;
    one.costs.reset();
    one.lost_by.reset();
    one.began.reset();
    when_.out->add(connect_child{i, offer_});
    when_.out->add(arm{connecting_of(i), one.rules->connection_timeout});
}

template <class Write>
void chain::send(child_index i, Write write) {
    expects(at(i).ready() || at(i).link == child::link::negotiating, "a child is told nothing after its end");
    when_.out->send_to_child(i, write);
}

void chain::found_ready(child_index i) {
    at(i).link = child::link::negotiating;
    at(i).began = when_.now;
    when_.out->add(disarm{connecting_of(i)});
}

void chain::begin_again(child_index i) {
    auto& one = at(i);
    one.link = child::link::dormant;
    one.own.clear();
    one.began.reset();
    one.skipped_by.clear();
    one.said = {};
}

void chain::offer(child_index i, wire::negotiate const& from_mta) {
    auto& one = at(i);
    one.link = child::link::negotiating;
    one.began = when_.now;
    when_.out->add(disarm{connecting_of(i)});
    send(i, [&](std::string& out) { wire::encode(out, offer_to_child(from_mta)); });
    owe(i, stage::negotiate);
}

bool chain::negotiated(child_index i, wire::negotiate const& offer, wire::negotiated const& answer) {
    auto agreed = read_answer(offer_to_child(offer), answer);
    if (!agreed) {
        fail(i, stage::negotiate, failure::protocol, agreed.error(), "");
        return false;
    }
    auto& one = at(i);
    one.agreed = std::move(*agreed);
    one.agreed.extra = one.rules->extra_macros;
    one.link = child::link::ready;
    if (!one.agreed.masked.empty())
        when_.out->add(oddity{i, stage::negotiate,
                              "claims actions that the MTA does not offer (" +
                                  wire::names(one.agreed.masked) + "); such changes will be dropped"});
    settle(i);
    return true;
}

void chain::owe(child_index i, stage what) {
    auto& one = at(i);
    one.asked_at = when_.now;
    one.owes.push_back({what});
    when_.out->add(arm{reply_of(i), what == stage::end_of_message ? one.rules->end_of_message_timeout
                                                                  : one.rules->reading_timeout});
}

template <class Write>
void chain::postpone(child& one, stage what, Write write) {
    child::postponed later{what, {}};
    write(later.packets);
    one.backlog_bytes += later.packets.size(); // resume() takes it off again
    one.backlog.push_back(std::move(later));
}

void chain::tell(child_index i, stage what, std::string_view payload, bool repeated) {
    auto& one = at(i);
    auto const write = [&](std::string& out) {
        macros.append(out, what, one.agreed, one.own, repeated);
        wire::append_frame(out, code_of(what), payload);
    };
    if (!one.quiet()) { // only evaluation-mode children are told something while they owe
        postpone(one, what, write);
        if (one.backlog_bytes > evaluation_queue_)
            fail(i, what, failure::limit, "it lags behind by more than evaluation_queue", "");
        return;
    }
    one.last = what;
    send(i, write);
    if (answers(one, what)) owe(i, what);
}

void chain::tell_macros(child_index i, stage what, bool repeated) {
    auto& one = at(i);
    if (repeated && !one.quiet()) { // it may yet refuse what came before
        return postpone(one, what,
                        [&](std::string& out) { macros.append(out, what, one.agreed, one.own, repeated); });
    }
    if (!one.backlog.empty()) return; // macros of a command that it does not want; it is behind anyway
    send(i, [&](std::string& out) { macros.append(out, what, one.agreed, one.own, repeated); });
}

void chain::tell_body(child_index i, body_id body, std::uint64_t offset, std::size_t size) {
    auto& one = at(i);
    expects(one.ready(), "a child is told nothing after its end");
    one.last = stage::body;
    when_.out->add(send_body{i, body, offset, size});
    if (answers(one, stage::body)) owe(i, stage::body);
}

void chain::settle(child_index i) {
    auto& one = at(i);
    if (one.owes.empty()) return;
    one.owes.pop_front();
    if (!one.owes.empty()) return extend(i);
    when_.out->add(disarm{reply_of(i)});
}

void chain::drop_rest_of_message(child_index i) {
    auto& one = at(i);
    std::erase_if(one.backlog, [&](child::postponed const& each) {
        bool const of_message = each.what == stage::rcpt || each.what == stage::data;
        if (of_message) one.backlog_bytes -= each.packets.size();
        return of_message;
    });
}

void chain::resume(child_index i) {
    auto& one = at(i);
    while (one.ready() && one.owes.empty() && !one.backlog.empty()) {
        auto const next = std::move(one.backlog.front());
        one.backlog.pop_front();
        one.backlog_bytes -= next.packets.size();
        one.last = next.what;
        send(i, [&](std::string& out) { out += next.packets; });
        if (answers(one, next.what)) owe(i, next.what);
    }
}

void chain::extend(child_index i) {
    auto& one = at(i);
    if (!one.owes.empty() && one.owes.front().what != stage::end_of_message)
        when_.out->add(arm{reply_of(i), one.rules->reading_timeout});
}

void chain::overtake(child_index i) {
    for (auto& debt : at(i).owes)
        debt.overtaken = true;
    at(i).backlog.clear();
    at(i).backlog_bytes = 0;
}

void chain::abort(child_index i) {
    auto& one = at(i);
    if (!one.ready()) return;
    overtake(i);
    one.last = stage::helo;
    send(i, [](std::string& out) { wire::encode(out, wire::abort{}); });
}

void chain::forget_debts(child_index i) {
    auto& one = at(i);
    if (!one.owes.empty()) when_.out->add(disarm{reply_of(i)});
    one.owes.clear();
    one.backlog.clear();
    one.backlog_bytes = 0;
}

void chain::quit(child_index i) {
    auto& one = at(i);
    if (one.link == child::link::connecting) when_.out->add(disarm{connecting_of(i)});
    if (one.ready()) send(i, [](std::string& out) { wire::encode(out, wire::quit{}); });
    if (one.ready() || one.settling()) {
        forget_debts(i);
        when_.out->add(close_child{i});
        one.link = child::link::left;
    }
}

void chain::skip_session(child_index i, skip_cause const& why) {
    auto& one = at(i);
    quit(i);
    if (one.link == child::link::dormant || one.link == child::link::failed) one.link = child::link::left;
    one.skipped_by = why.text;
    one.skipped_at = why.at;
    one.said = "skipped";
    when_.out->add(child_skipped{i, why.condition, why.at});
}

void chain::fail(child_index i, stage where, failure why, std::string detail, std::string_view queue_id) {
    auto& one = at(i);
    if (!one.ready() && !one.settling()) return;
    bool const connected = one.link != child::link::connecting;
    if (!connected) when_.out->add(disarm{connecting_of(i)});
    forget_debts(i);
    when_.out->add(close_child{i});
    one.link = child::link::failed;
    one.costs = one.rules->on_failure;
    one.lost_by = why;
    when_.out->add(
        child_failed{i, where, why, std::move(detail), one.rules->on_failure, std::string(queue_id)});
    note_left(i, connected ? std::optional(where) : std::nullopt, said_by_losing(one, why));
}

void chain::note_left(child_index i, std::optional<stage> where, std::string_view said) {
    auto const began = at(i).began;
    when_.out->add(child_left{i, where, said, began ? when_.now - *began : microseconds(0)});
}

void chain::set_own_macro(child_index i, stage where, std::string_view name, std::string_view value) {
    auto& own = at(i).own;
    name = bare_name(name);
    std::erase_if(own, [&](own_macro const& one) { return one.at == where && one.name == name; });
    own.push_back({where, std::string(name), std::string(value)});
}

macro_values chain::own_macros_of(child_index i) const {
    macro_values values;
    for (auto const& one : at(i).own)
        values.emplace_back(one.name, one.value);
    return values;
}

std::string_view chain::macro_for(child_index i, std::string_view name) const {
    auto const& own = at(i).own;
    auto const found =
        std::find_if(own.rbegin(), own.rend(), [&](own_macro const& one) { return one.name == name; });
    return found == own.rend() ? macros.find(name) : std::string_view(found->value);
}

void chain::forget_message() {
    macros.forget_message();
    for (auto& one : children_) {
        std::erase_if(one.own, [](own_macro const& each) {
            return each.at != stage::connect && each.at != stage::helo;
        });
        if (one.link != child::link::failed && one.link != child::link::left) one.said = {};
    }
}

std::vector<prospect> chain::prospects() const {
    std::vector<prospect> all;
    for (child_index i = 0; i < children_.size(); ++i) {
        auto const& one = children_[i];
        if (one.link == child::link::left) continue;
        bool const refuses = verdict_of(one.rules->on_failure).has_value() && !one.evaluated();
        bool const quarantines = one.rules->on_failure == fallback::quarantine && !one.evaluated();
        bool const asleep = one.link == child::link::dormant;
        all.push_back({one.ready() ? &one.agreed : nullptr, refuses, quarantines, one.evaluated(),
                       &one.rules->extra_macros, asleep, i});
    }
    return all;
}

} // namespace milter::core
