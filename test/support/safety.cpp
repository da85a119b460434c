#include "support/safety.hpp"

#include "core/stage.hpp"
#include "support/frames.hpp"

namespace milter::test {

namespace {

bool is_silent(char code, wire::steps agreed) {
    auto const silence = core::silence_of(*core::stage_of(code));
    return !silence.empty() && agreed.has_all(silence);
}

bool is_one_of(char code, std::string_view some) {
    return some.find(code) != std::string_view::npos;
}

} // namespace

safety::safety(core::policy const& rules) {
    for (auto const& one : rules.children)
        children_.push_back(
            {one.name, one.evaluation_mode, {}, !one.conditions.empty() || rules.quarantine_stops_chain, {}});
}

void safety::happened(core::event const& what) {
    if (auto const* const said = std::get_if<core::from_mta>(&what)) from_mta(said->packet.code);
    if (auto const* const said = std::get_if<core::from_child>(&what))
        from_child(children_[said->child], said->packet);
    if (auto const* const lost = std::get_if<core::child_lost>(&what)) children_[lost->child].owes.clear();
    // The answer is the operator's setting then, whatever a child says (configuration 9).
    if (auto const* const checked = std::get_if<core::client_checked>(&what); checked && checked->gone) {
        refused_by_.clear();
        for (auto& one : children_)
            one.excused = true;
    }
}

void safety::asked(core::action const& what, core::actions const& of) {
    if (auto const* const send = std::get_if<core::to_mta>(&what))
        for_each_frame(of.bytes(send->bytes), [&](wire::frame const& one) { to_mta(one); });
    if (auto const* const send = std::get_if<core::to_child>(&what))
        for_each_frame(of.bytes(send->bytes),
                       [&](wire::frame const& one) { to_child(children_[send->child], one.code); });
    if (auto const* const send = std::get_if<core::send_body>(&what))
        to_child(children_[send->child], wire::body::code);
    if (auto const* const lost = std::get_if<core::child_failed>(&what)) failed(*lost);
    if (auto const* const connect = std::get_if<core::connect_child>(&what)) {
        auto& one = children_[connect->child];
        one.owes.clear();
        one.steps = {};
        one.left = one.passed = one.excused = false;
    }
}

// A child that has said its last word about the message may fail as it likes.
void safety::failed(core::child_failed const& what) {
    auto& one = children_[what.child];
    one.owes.clear();
    one.excused = what.costs == core::fallback::accept || what.costs == core::fallback::quarantine;
}

void safety::from_mta(char code) {
    if (is_one_of(code, "AQK")) {
        if (!pending_.empty() && pending_.front() == wire::negotiate::code) return;
        // What a child that came late is told of the session again waits for no command of the MTA.
        char const asked = pending_.empty() ? '\0' : pending_.front();
        pending_.clear();
        new_message();
        for (auto& one : children_)
            for (auto& due : one.owes)
                due.overtaken |= !one.evaluation && (due.to == asked || !is_one_of(due.to, "CH"));
        return;
    }
    if (!core::stage_of(code)) return;
    drop_silent();
    pending_.push_back(code);
    if (pending_.size() == 1) begin_front();
    drop_silent();
}

void safety::drop_silent() {
    while (!pending_.empty() && is_silent(pending_.front(), mta_steps_)) {
        pending_.pop_front();
        begin_front();
    }
}

void safety::begin_front() {
    refused_by_.clear();
    if (!pending_.empty() && is_one_of(pending_.front(), "HM")) new_message();
}

void safety::new_message() {
    refused_by_.clear();
    for (auto& one : children_)
        one.passed = false;
}

void safety::to_mta(wire::frame const& packet) {
    auto const letter = packet.code;
    bool const decides = is_one_of(letter, "cartdsyO");
    if (!decides) return;
    drop_silent();
    if (pending_.empty()) return; // the other invariants complain
    auto const to = pending_.front();
    if (to == wire::negotiate::code) {
        if (auto const said = wire::decode_reply(packet);
            said && std::holds_alternative<wire::negotiated>(*said))
            mta_steps_ = std::get<wire::negotiated>(*said).steps;
    } else if (is_one_of(letter, "cas")) {
        if (!refused_by_.empty())
            fail(std::string("the MTA is answered ") + letter + " to " + to + ", which " + refused_by_ +
                 " has refused");
        bool const taken = to == wire::end_of_message::code || (letter == 'a' && is_one_of(to, "MRTLNB"));
        for (auto const& one : children_)
            if (taken && !one.evaluation && !one.left && !one.passed && !one.excused && !one.may_be_left_out)
                fail(std::string("a message is accepted at ") + to + " past " + one.name);
        if (to == wire::end_of_message::code) new_message();
    }
    pending_.pop_front();
    begin_front();
    drop_silent();
}

void safety::to_child(child& one, char code) {
    if (code == wire::abort::code)
        for (auto& due : one.owes)
            due.overtaken = true;
    if (core::stage_of(code) && !is_silent(code, one.steps)) one.owes.push_back({code});
}

void safety::from_child(child& one, wire::frame const& packet) {
    auto const said = wire::decode_reply(packet);
    if (!said || one.owes.empty()) return;
    if (auto const* const answer = std::get_if<wire::negotiated>(&*said)) one.steps = answer->steps;
    bool const decides = std::holds_alternative<wire::negotiated>(*said) ||
                         std::holds_alternative<wire::decision>(*said) ||
                         std::holds_alternative<wire::reply_code>(*said);
    if (!decides) return;
    auto const due = one.owes.front();
    one.owes.pop_front();
    if (!due.overtaken && !one.evaluation) says(one, due, *said);
}

void safety::says(child& one, debt const& due, wire::reply const& said) {
    using wire::answer;
    auto const* const decision = std::get_if<wire::decision>(&said);
    bool const goes_on = decision && (decision->what == answer::go_on || decision->what == answer::skip);
    bool const accepts = decision && decision->what == answer::accept;
    bool const fails = decision && decision->what == answer::conn_fail;
    bool const discards = decision && decision->what == answer::discard;
    if (fails || std::holds_alternative<wire::negotiated>(said)) return;
    if (accepts && is_one_of(due.to, "CH")) one.left = true;
    if ((accepts && is_one_of(due.to, "MRTULNB")) || ((accepts || goes_on) && due.to == 'E'))
        one.passed = true;
    if (accepts || goes_on || (discards && is_one_of(due.to, "CHU"))) return;
    // What is said of the content may be told later, and a message that is not passed is never accepted.
    bool const of_envelope = is_one_of(due.to, "CHMRTU");
    if (of_envelope && !pending_.empty() && pending_.front() == due.to) refused_by_ = one.name;
}

} // namespace milter::test
