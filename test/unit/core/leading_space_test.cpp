// The blank behind a header's colon, from the MTA to children and from child to child, for each combination
// of those who exchange it and those who do not.
#include "core/session.hpp"

#include <deque>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using testing::ElementsAreArray;

constexpr std::string_view values[] = {"", " x", "  x", "\tx", "x", " ", "x\n\ty"};

// One message through two obedient children. The first adds a field of each value at the end.
class mail {
public:
    mail(bool mta_has, bool first_has, bool second_has) : has_{first_has, second_has} {
        auto steps = wire::all_steps;
        if (!mta_has) steps = steps - wire::steps(wire::step::leading_space);
        handle(mta_connected{});
        from_mta(wire::negotiate{6, wire::all_actions, steps});
        from_mta(wire::connect{"mx.example.net", '4', 25, "192.0.2.1"});
        from_mta(wire::helo{"mx.example.net"});
        from_mta(wire::mail{"<a@example.net>", {}});
        from_mta(wire::rcpt{"<b@example.com>", {}});
        from_mta(wire::data{});
        for (auto const value : values)
            from_mta(wire::header{"N", value});
        from_mta(wire::end_of_headers{});
        from_mta(wire::end_of_message{});
    }
    std::vector<std::string> seen[2]; // values of the headers that each child was sent
    std::string to_mta;               // the letters of what the MTA was answered
    std::vector<std::string> added;   // values of the headers that the MTA was told to add

private:
    void from_mta(wire::command const& what) {
        std::string bytes;
        wire::encode(bytes, what);
        handle(core::from_mta{{bytes[4], std::string_view(bytes).substr(5)}});
    }
    // Also everything that follows from it: what the children say is heard in the order in which they say it.
    void handle(event const& happened) {
        step(happened);
        while (!answers_.empty()) {
            auto const [i, bytes] = std::move(answers_.front());
            answers_.pop_front();
            if (bytes.empty())
                step(child_connected{i});
            else
                step(from_child{i, {bytes[4], std::string_view(bytes).substr(5)}});
        }
    }
    void step(event const& happened) {
        actions todo;
        session_.handle(happened, microseconds(++now_), todo);
        for (auto const& what : todo.todo()) {
            if (auto const* const one = std::get_if<connect_child>(&what))
                answers_.push_back({one->child, ""});
            if (auto const* const one = std::get_if<core::to_mta>(&what))
                heard_by_mta(todo.bytes(one->bytes));
            if (auto const* const one = std::get_if<to_child>(&what))
                told(one->child, todo.bytes(one->bytes));
        }
    }
    static policy two_children() {
        policy rules;
        rules.children.resize(2);
        return rules;
    }
    template <class F>
    static void each_frame(std::string_view bytes, F with) {
        wire::frame_reader reader(1 << 20);
        auto const room = reader.space(bytes.size());
        bytes.copy(room.data(), bytes.size());
        reader.filled(bytes.size());
        while (auto const one = *reader.next())
            with(*one);
    }
    void heard_by_mta(std::string_view bytes) {
        each_frame(bytes, [this](wire::frame const& one) {
            to_mta += one.code;
            auto const said = wire::decode_reply(one);
            if (auto const* const add = std::get_if<wire::add_header>(&*said)) added.emplace_back(add->value);
        });
    }
    void told(child_index i, std::string_view bytes) {
        each_frame(bytes, [&](wire::frame const& one) {
            auto const what = wire::decode_command(one);
            if (auto const* const field = std::get_if<wire::header>(&*what))
                seen[i].emplace_back(field->value);
            if (one.code == 'O') {
                wire::steps const steps = has_[i] ? wire::steps(wire::step::leading_space) : wire::steps();
                answer(i, wire::negotiated{6, wire::action::add_headers, steps, {}});
            } else if (wire::wants_reply(one.code)) {
                if (one.code == 'E' && i == 0)
                    for (auto const value : values)
                        answer(i, wire::add_header{"N", value});
                answer(i, wire::decision{});
            }
        });
    }
    void answer(child_index i, wire::reply const& what) {
        std::string bytes;
        wire::encode(bytes, what);
        answers_.push_back({i, std::move(bytes)});
    }

    struct spoken {
        child_index by;
        std::string packet; // empty: it is connected
    };
    std::deque<spoken> answers_;
    bool has_[2];
    policy const rules_ = two_children();
    session session_{rules_};
    int now_ = 0;
};

std::string without_blank(std::string value) {
    if (value.starts_with(' ')) value.erase(0, 1);
    return value;
}

TEST(leading_space, is_there_exactly_for_those_who_exchange_it) { // chain P33, VI.6
    std::vector<std::string> const texts(std::begin(values), std::end(values));
    for (bool const mta_has : {true, false})
        for (bool const first_has : {true, false})
            for (bool const second_has : {true, false}) {
                SCOPED_TRACE(std::string(mta_has ? "MTA " : "") + (first_has ? "first " : "") +
                             (second_has ? "second" : ""));
                mail const one(mta_has, first_has, second_has);
                // It is agreed on only where the MTA offers it (chain P2, P7).
                bool const first = first_has && mta_has;
                bool const second = second_has && mta_has;
                std::vector<std::string> to_first, to_second, to_mta;
                for (auto const& value : texts) {
                    std::string const raw = mta_has ? value : " " + value;
                    to_first.push_back(first ? raw : without_blank(raw));
                    to_second.push_back(second ? raw : without_blank(raw));
                }
                for (auto const& value : texts) { // what the first adds
                    std::string const raw = first ? value : " " + value;
                    to_second.push_back(second ? raw : without_blank(raw));
                    to_mta.push_back(mta_has ? raw : without_blank(raw));
                }
                EXPECT_THAT(one.seen[0], ElementsAreArray(to_first));
                EXPECT_THAT(one.seen[1], ElementsAreArray(to_second));
                EXPECT_THAT(one.added, ElementsAreArray(to_mta));
                EXPECT_EQ(one.to_mta, "Occccc" + std::string(std::size(values), 'h') + "c");
            }
}

} // namespace
} // namespace milter::core::test
