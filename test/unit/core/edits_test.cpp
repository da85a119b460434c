// What of a child's changes reaches the MTA, and with which leading blank.
#include "core/edits.hpp"

#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using namespace std::string_literals;
using kind = edit::kind;
using wire::action;

child_agreement child(bool leading_space = true, wire::actions actions = wire::all_actions) {
    child_agreement one;
    one.version = 6;
    one.actions = actions;
    if (leading_space) one.steps |= wire::step::leading_space;
    return one;
}

mta_agreement mta(wire::actions actions = wire::all_actions) {
    mta_agreement one;
    one.version = 6;
    one.actions = actions;
    return one;
}

std::string packet(wire::reply const& one) {
    std::string out;
    wire::encode(out, one);
    return out;
}

// What the MTA is told when a child says that; nothing when it is dropped.
std::optional<std::string> relayed(wire::reply const& said, bool child_has_blank = true,
                                   bool mta_has_blank = true) {
    auto const checked = check(said, child(child_has_blank), mta());
    if (!checked) return {};
    std::string out;
    encode(out, *checked, mta_has_blank);
    return out;
}

bool dropped(wire::reply const& said) {
    auto const checked = check(said, child(), mta());
    EXPECT_TRUE(checked || !checked.error().empty());
    return !checked;
}

struct blank_case {
    std::string_view said;
    std::string_view both;       // child and MTA exchange the leading blank
    std::string_view only_mta;   // the child does not
    std::string_view only_child; // the MTA does not
};
constexpr blank_case blank_cases[] = {
    {" x", " x", "  x", "x"},
    {"  x", "  x", "   x", " x"},
    {"\tx", "\tx", " \tx", "\tx"},
    {"x", "x", " x", "x"},
    {"x\n y", "x\n y", " x\n y", "x\n y"},
    {" x\n\ty", " x\n\ty", "  x\n\ty", "x\n\ty"},
};

TEST(edit, of_a_header_has_the_leading_blank_that_the_mta_expects) { // chain P33
    for (auto const& one : blank_cases) {
        SCOPED_TRACE(one.said);
        auto const in_each = [](auto const& make, std::string_view value) {
            return std::vector<std::string>{packet(wire::add_header{"N", make(value)}),
                                            packet(wire::insert_header{7, "N", make(value)}),
                                            packet(wire::change_header{2, "N", make(value)})};
        };
        auto const same = [](std::string_view value) { return value; };
        auto const told = [&](bool child_has, bool mta_has) {
            return std::vector<std::string>{
                relayed(wire::add_header{"N", one.said}, child_has, mta_has).value_or("dropped"),
                relayed(wire::insert_header{7, "N", one.said}, child_has, mta_has).value_or("dropped"),
                relayed(wire::change_header{2, "N", one.said}, child_has, mta_has).value_or("dropped")};
        };
        EXPECT_EQ(told(true, true), in_each(same, one.both));
        EXPECT_EQ(told(false, true), in_each(same, one.only_mta));
        EXPECT_EQ(told(true, false), in_each(same, one.only_child));
        EXPECT_EQ(told(false, false), in_each(same, one.said));
    }
}

TEST(edit, with_an_empty_value_adds_an_empty_field) { // chain P33: "" is one of its values
    for (bool const mta_has : {true, false}) {
        EXPECT_EQ(relayed(wire::add_header{"N", ""}, true, mta_has), packet(wire::add_header{"N", ""}));
        // A child without the blank means "N: ", whatever the MTA speaks.
        std::string_view const value = mta_has ? " " : "";
        EXPECT_EQ(relayed(wire::add_header{"N", ""}, false, mta_has), packet(wire::add_header{"N", value}));
        EXPECT_EQ(relayed(wire::insert_header{1, "N", ""}, false, mta_has),
                  packet(wire::insert_header{1, "N", value}));
    }
}

TEST(edit, with_an_empty_value_deletes_whatever_is_agreed_on_blanks) { // protocol 10.4, chain P33
    for (bool const child_has : {true, false})
        for (bool const mta_has : {true, false}) {
            auto const checked = check(wire::change_header{3, "N", ""}, child(child_has), mta());
            ASSERT_TRUE(checked);
            EXPECT_TRUE(checked->deletes_header());
            EXPECT_EQ(relayed(wire::change_header{3, "N", ""}, child_has, mta_has),
                      packet(wire::change_header{3, "N", ""}));
        }
}

TEST(edit, holds_the_raw_value_for_later_children) { // chain P33: the manager holds the raw value
    EXPECT_EQ(check(wire::add_header{"N", "x"}, child(false), mta())->value, " x");
    EXPECT_EQ(check(wire::add_header{"N", " x"}, child(false), mta())->value, "  x");
    EXPECT_EQ(check(wire::add_header{"N", "x"}, child(true), mta())->value, "x");
}

TEST(edit, that_does_not_touch_headers_is_relayed_verbatim) { // chain P34, P38
    wire::reply const each[] = {
        wire::add_recipient{"<a@example.com>"},
        wire::add_recipient{" a@example.com"},
        wire::delete_recipient{"b@example.com"},
        wire::add_recipient_with_args{"<c@example.com>", "NOTIFY=NEVER"},
        wire::add_recipient_with_args{"<c@example.com>", ""},
        wire::add_recipient_with_args{"<c@example.com>", {}},
        wire::change_sender{"<d@example.com>", " RET=HDRS ENVID=1"},
        wire::change_sender{"<>", {}},
        wire::change_sender{"", {}},
        wire::change_sender{"\xC3\xA9@example.com", ""},
        wire::quarantine{"a virus"},
    };
    for (auto const& one : each)
        for (bool const blank : {true, false})
            EXPECT_EQ(relayed(one, blank, blank), packet(one)) << wire::reply_name(packet(one)[4]);
}

TEST(edit, keeps_the_letter_and_the_index_that_the_child_used) { // chain P34, P37
    for (auto const index : {0u, 1u, 2u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
        EXPECT_EQ(relayed(wire::insert_header{index, "N", " v"}),
                  packet(wire::insert_header{index, "N", " v"}));
        EXPECT_EQ(relayed(wire::change_header{index, "N", " v"}),
                  packet(wire::change_header{index, "N", " v"}));
    }
}

TEST(edit, that_quarantines_has_a_reason_of_one_line) { // chain P39
    struct {
        std::string_view said, told;
    } const cases[] = {{"virus", "virus"},
                       {"virus\nin\nparts", "virus"},
                       {"virus\r\nin parts", "virus"},
                       {"", "quarantined"},
                       {"\nvirus", "quarantined"},
                       {"\r", "quarantined"},
                       {"virus\r", "virus"},
                       {" ", " "}};
    for (auto const& [said, told] : cases)
        EXPECT_EQ(relayed(wire::quarantine{said}), packet(wire::quarantine{told})) << said;
}

struct needed {
    wire::reply said;
    action what;
};
std::vector<needed> each_edit() {
    return {{wire::add_header{"N", " v"}, action::add_headers},
            {wire::insert_header{1, "N", " v"}, action::add_headers},
            {wire::change_header{1, "N", " v"}, action::change_headers},
            {wire::change_header{1, "N", ""}, action::change_headers},
            {wire::add_recipient{"<a@example.com>"}, action::add_recipient},
            {wire::add_recipient_with_args{"<a@example.com>", "X=Y"}, action::add_recipient_with_args},
            {wire::delete_recipient{"<a@example.com>"}, action::delete_recipient},
            {wire::change_sender{"<a@example.com>", {}}, action::change_sender},
            {wire::quarantine{"why"}, action::quarantine}};
}

TEST(edit, that_was_not_agreed_with_the_child_is_dropped) { // chain P40
    for (auto const& [said, what] : each_edit()) {
        auto const name = wire::names(wire::actions(what));
        EXPECT_TRUE(check(said, child(true, what), mta())) << name;
        EXPECT_FALSE(check(said, child(true, wire::all_actions - what), mta())) << name;
    }
}

TEST(edit, that_the_mta_does_not_offer_is_dropped) { // chain P40
    for (auto const& [said, what] : each_edit()) {
        if (what == action::add_recipient_with_args) continue; // degrades, below
        auto const name = wire::names(wire::actions(what));
        EXPECT_TRUE(check(said, child(), mta(what))) << name;
        EXPECT_FALSE(check(said, child(), mta(wire::all_actions - what))) << name;
    }
}

// The agreement with a child that claims these actions of which the MTA offers those.
child_agreement agreed(wire::actions claimed, wire::actions offered) {
    return *read_answer({6, offered, wire::all_steps}, {6, claimed, {}, {}});
}
mta_agreement agreed_with_mta(child_agreement const& with, wire::actions offered) {
    prospect only;
    only.agreed = &with;
    return answer_to_mta({6, offered, wire::all_steps}, {&only, 1}, mta_kind::automatic);
}

TEST(edit, that_adds_a_recipient_with_arguments_loses_them_where_only_the_plain_one_is_offered) { // chain P40
    auto const offered = wire::all_actions - action::add_recipient_with_args;
    auto const by = agreed(action::add_recipient_with_args, offered);
    auto const to = agreed_with_mta(by, offered);
    EXPECT_EQ(to.actions, wire::actions(action::add_recipient));
    auto const checked = check(wire::add_recipient_with_args{"<a@example.com>", "NOTIFY=NEVER"}, by, to);
    ASSERT_TRUE(checked) << checked.error();
    std::string out;
    encode(out, *checked, true);
    EXPECT_EQ(out, packet(wire::add_recipient{"<a@example.com>"}));
    // The plain one is still not the child's to use.
    EXPECT_FALSE(check(wire::add_recipient{"<a@example.com>"}, by, to));
    // Nor does it slip past what is refused elsewhere.
    EXPECT_FALSE(check(wire::add_recipient_with_args{"<a@example.com>\r\nRCPT", {}}, by, to));
    // Where neither is offered it is dropped.
    auto const without = offered - action::add_recipient;
    auto const poor = agreed(action::add_recipient_with_args, without);
    EXPECT_FALSE(
        check(wire::add_recipient_with_args{"<a@example.com>", {}}, poor, agreed_with_mta(poor, without)));
}

TEST(edit, with_a_bad_header_name_is_dropped) { // chain P66
    std::string_view const bad[] = {"",    "X Y",    "X:",    ":",     " X",   "X\t",
                                    "X\n", "X\r\nY", "X\x7f", "X\xE9", "X\x01"};
    for (auto const name : bad) {
        EXPECT_TRUE(dropped(wire::add_header{name, " v"})) << name;
        EXPECT_TRUE(dropped(wire::insert_header{0, name, " v"})) << name;
        EXPECT_TRUE(dropped(wire::change_header{1, name, ""})) << name;
    }
    EXPECT_TRUE(dropped(wire::add_header{std::string_view("X\0Y", 3), " v"}));
    for (std::string_view const good : {"X", "x-A_1", "!#$%&'*+.^`|~", "X{}\"()"})
        EXPECT_FALSE(dropped(wire::add_header{good, " v"})) << good;
}

TEST(edit, whose_value_would_begin_another_header_is_dropped) { // chain P66
    std::string_view const bad[] = {" v\nBcc: x", " v\r\nBcc: x", "\nBcc: x", "\n\nbody",
                                    " v\n",       " v\r\n",       " v\n x\ny"};
    for (auto const value : bad) {
        EXPECT_TRUE(dropped(wire::add_header{"N", value})) << value;
        EXPECT_TRUE(dropped(wire::insert_header{0, "N", value})) << value;
        EXPECT_TRUE(dropped(wire::change_header{1, "N", value})) << value;
    }
    EXPECT_TRUE(dropped(wire::add_header{"N", std::string_view(" a\0b", 4)}));
    for (std::string_view const good : {" v\n x", " v\r\n\tx", "\n x", " \xC3\xA9", " a: b", ""})
        EXPECT_FALSE(dropped(wire::add_header{"N", good})) << good;
}

TEST(edit, with_an_address_of_more_than_one_line_is_dropped) { // chain P66
    for (auto const& bad : {"<a@b>\r\nRCPT TO:<c>"s, "<a@b>\n"s, "\r<a@b>"s, "<a\0@b>"s}) {
        EXPECT_TRUE(dropped(wire::add_recipient{bad}));
        EXPECT_TRUE(dropped(wire::delete_recipient{bad}));
        EXPECT_TRUE(dropped(wire::change_sender{bad, {}}));
        EXPECT_TRUE(dropped(wire::add_recipient_with_args{bad, {}}));
        EXPECT_TRUE(dropped(wire::change_sender{"<a@b>", bad}));
        EXPECT_TRUE(dropped(wire::add_recipient_with_args{"<a@b>", bad}));
    }
}

TEST(edit, is_what_changes_a_message_other_than_its_body) { // protocol 2.2
    for (auto const& [said, what] : each_edit())
        EXPECT_TRUE(is_edit(said)) << wire::names(wire::actions(what));
    wire::reply const others[] = {wire::negotiated{}, wire::decision{}, wire::reply_code{"550 no"},
                                  wire::progress{}, wire::replace_body{"x"}};
    for (auto const& one : others) {
        EXPECT_FALSE(is_edit(one));
        EXPECT_FALSE(check(one, child(), mta()));
    }
}

} // namespace
} // namespace milter::core::test
