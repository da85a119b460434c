#include "micro/stage.hpp"

#include "wire/reply.hpp"

namespace milter::bench {

namespace {

constexpr std::size_t head = 5; // length and code

template <class Each>
void for_each_frame(std::string_view bytes, Each each) {
    while (bytes.size() >= head) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length = length << 8 | static_cast<unsigned char>(bytes[i]);
        each(bytes[4], bytes.substr(head, length - 1));
        bytes.remove_prefix(4 + length);
    }
}

} // namespace

packets::packets(mail_plan const& plan) {
    add(plan.offer);
    for (auto const& one : plan.steps)
        add(one.body > 0 ? one.bytes + plan.body.substr(0, one.body) : one.bytes);
    add(plan.quit);
}

void packets::add(std::string_view frames) {
    for_each_frame(frames, [&](char code, std::string_view payload) {
        all.push_back({code, bytes.size(), payload.size()});
        bytes += payload;
    });
}

stage::stage() {
    std::string whole;
    wire::encode(whole, wire::reply(wire::negotiated{6, wire::all_actions, {}, {}}));
    agreement_ = whole.substr(head);
    to_come_.reserve(64);
}

std::size_t stage::play(core::policy const& rules, packets const& said) {
    calls_ = 0;
    core::session session(rules);
    happen(session, core::mta_connected{1, 0});
    for (std::size_t i = 0; i < said.all.size(); ++i)
        happen(session, core::from_mta{said.at(i)});
    return session.finished() ? calls_ : 0;
}

void stage::happen(core::session& session, core::event const& what) {
    core::event next = what;
    to_come_.clear();
    for (std::size_t i = 0;; ++i) {
        todo_.clear();
        session.handle(next, core::microseconds(1000), todo_);
        ++calls_;
        for (auto const& one : todo_.todo())
            perform(one);
        if (i == to_come_.size()) return;
        next = event_of(to_come_[i]);
    }
}

core::event stage::event_of(to_come const& next) const {
    switch (next.what) {
    case to_come::kind::connection:
        return core::child_connected{next.child};
    case to_come::kind::agreement:
        return core::from_child{next.child, {'O', agreement_}};
    case to_come::kind::body_left:
        return core::body_sent{next.child};
    case to_come::kind::go_on:
        break;
    }
    return core::from_child{next.child, {'c', ""}};
}

void stage::perform(core::action const& what) {
    using kind = to_come::kind;
    if (auto const* const bytes = std::get_if<core::to_child>(&what)) {
        hears(bytes->child, todo_.bytes(bytes->bytes));
    } else if (auto const* const piece = std::get_if<core::send_body>(&what)) {
        to_come_.push_back({kind::body_left, piece->child});
        to_come_.push_back({kind::go_on, piece->child});
    } else if (auto const* const line = std::get_if<core::connect_child>(&what)) {
        to_come_.push_back({kind::connection, line->child});
    }
}

void stage::hears(core::child_index child, std::string_view frames) {
    constexpr std::string_view unanswered = "DAQK";
    for_each_frame(frames, [&](char code, std::string_view) {
        if (unanswered.find(code) == std::string_view::npos)
            to_come_.push_back({code == 'O' ? to_come::kind::agreement : to_come::kind::go_on, child});
    });
}

} // namespace milter::bench
