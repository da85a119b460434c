// protocol 10, 19.6, 19.7: changes of a message.
#include "unit/filter/scene.hpp"

#include <gmock/gmock.h>

namespace {

using milter::test::scene;
namespace filter = milter::filter;
namespace wire = milter::wire;
using wire::action;

std::string answer_with(wire::actions agreed, std::function<void(filter::edits&)> edit) {
    scene it;
    std::get<filter::wish>(it.told.negotiation).actions = wire::all_actions;
    it.send(wire::negotiate{6, agreed, wire::all_steps});
    it.told.edit = std::move(edit);
    return it.send(wire::end_of_message{});
}

TEST(edits, stand_before_the_decision) {
    EXPECT_EQ(answer_with(wire::all_actions,
                          [](filter::edits& message) {
                              EXPECT_TRUE(message.add_header("X-A", "1"));
                              EXPECT_TRUE(message.insert_header(0, "X-B", "2"));
                              EXPECT_TRUE(message.change_header(1, "X-C", "3"));
                              EXPECT_TRUE(message.delete_header(2, "X-D"));
                              EXPECT_TRUE(message.add_recipient("<a@b>"));
                              EXPECT_TRUE(message.add_recipient("<a@b>", "NOTIFY=NEVER"));
                              EXPECT_TRUE(message.delete_recipient("<c@d>"));
                              EXPECT_TRUE(message.change_sender("<e@f>"));
                              EXPECT_TRUE(message.quarantine("why"));
                          }),
              "add-header X-A=1 + insert-header + change-header + change-header + add-recipient + "
              "add-recipient-with-parameters + delete-recipient + change-from + quarantine + continue");
}

TEST(edits, keep_the_pieces_of_a_body_together_behind_everything_else) {
    EXPECT_EQ(answer_with(wire::all_actions,
                          [](filter::edits& message) {
                              EXPECT_TRUE(message.replace_body("1"));
                              EXPECT_TRUE(message.add_header("X-A", "1"));
                              message.progress();
                              EXPECT_TRUE(message.replace_body("22"));
                          }),
              "add-header X-A=1 + progress + replace-body 1 + replace-body 2 + continue");
}

TEST(edits, split_a_large_body_and_can_empty_it) {
    auto const replaced_by = [](std::size_t size) {
        return answer_with(wire::all_actions, [&](filter::edits& message) {
            EXPECT_TRUE(message.replace_body(std::string(size, 'x')));
        });
    };
    EXPECT_EQ(replaced_by(0), "replace-body 0 + continue");
    EXPECT_EQ(replaced_by(65535), "replace-body 65535 + continue");
    EXPECT_EQ(replaced_by(65536), "replace-body 65535 + replace-body 1 + continue");
}

TEST(edits, that_were_not_agreed_on_are_refused) {
    auto const all = [](bool expected) {
        return [expected](filter::edits& message) {
            EXPECT_EQ(message.add_header("X-A", "1"), expected);
            EXPECT_EQ(message.insert_header(0, "X-B", "2"), expected);
            EXPECT_EQ(message.change_header(1, "X-C", "3"), expected);
            EXPECT_EQ(message.add_recipient("<a@b>"), expected);
            EXPECT_EQ(message.add_recipient("<a@b>", "x"), expected);
            EXPECT_EQ(message.delete_recipient("<a@b>"), expected);
            EXPECT_EQ(message.change_sender("<a@b>"), expected);
            EXPECT_EQ(message.replace_body("b"), expected);
            EXPECT_EQ(message.quarantine("q"), expected);
        };
    };
    // No bit at all would mean the first version's set.
    EXPECT_EQ(answer_with(action::set_macro_lists, all(false)), "continue");
    answer_with(wire::all_actions, all(true));
}

TEST(edits, that_cannot_be_are_refused) {
    using namespace std::string_literals;
    EXPECT_EQ(answer_with(wire::all_actions,
                          [](filter::edits& message) {
                              EXPECT_FALSE(message.add_header("", "1"));
                              EXPECT_FALSE(message.add_header("X Y", "1"));
                              EXPECT_FALSE(message.add_header("X:", "1"));
                              EXPECT_FALSE(message.add_header("X\n", "1"));
                              EXPECT_FALSE(message.add_header("X", "a\0b"s));
                              EXPECT_FALSE(message.change_sender("<a@b>\n"));
                              EXPECT_FALSE(message.add_recipient(""));
                              EXPECT_FALSE(message.delete_recipient("a\0b"s));
                              EXPECT_FALSE(message.quarantine(""));
                              EXPECT_FALSE(message.quarantine("a\nb"));
                          }),
              "continue");
}

TEST(progress, leaves_at_once) {
    scene it;
    it.open();
    std::string at_that_moment;
    it.told.edit = [&](filter::edits& message) {
        auto const before = it.flushes;
        message.progress();
        EXPECT_EQ(it.flushes, before + 1);
        at_that_moment = it.replies();
    };
    EXPECT_EQ(it.send(wire::end_of_message{}), "continue");
    EXPECT_EQ(at_that_moment, "progress");
}

} // namespace
