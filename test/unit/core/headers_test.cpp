// The header as later children see it and as the MTA ends up with it, against a model of each MTA.
#include "core/headers.hpp"

#include "unit/core/edit_history.hpp"
#include "unit/core/mta_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using kind = edit::kind;
using testing::ElementsAre;
using testing::Pair;

// The natively configured chain next to the manager's; both must show and deliver the same.
void compare(history const& all, mta_kind profile) {
    bool const sendmail = profile == mta_kind::sendmail;
    mta_model native(sendmail);
    mta_model behind(sendmail); // is told everything in one exchange
    header_list managed(profile);
    for (auto const& [name, value] : all.fields) {
        native.receive(name, value);
        behind.receive(name, value);
        managed.add(name, value);
    }
    behind.send();
    for (auto const& child : all.children) {
        ASSERT_EQ(view(managed), native.send()) << words(all);
        for (auto const& one : child) {
            native.apply(one);
            behind.apply(managed.apply(one));
        }
        managed.next_child();
    }
    ASSERT_EQ(view(managed), native.send()) << words(all);
    ASSERT_EQ(behind.message(), native.message()) << words(all);
}

class headers_of : public testing::TestWithParam<mta_kind> {};

TEST_P(headers_of, a_chain_are_those_of_the_native_chain) { // chain P26, P37, IV.5, VI.4
    for (unsigned seed = 1; seed <= 20'000; ++seed) {
        std::mt19937 dice(seed);
        compare(random_history(dice), GetParam());
        ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
}

TEST_P(headers_of, a_message_are_kept_as_they_came_and_measured) { // chain P26
    header_list list(GetParam());
    list.add("Subject", " a");
    list.add("subject", "");
    list.add("X-A", "\tb\n c");
    EXPECT_THAT(view(list), ElementsAre(Pair("subject", " a"), Pair("subject", ""), Pair("x-a", "\tb\n c")));
    EXPECT_EQ(list.held(), std::string("Subject asubjectX-A\tb\n c").size());
}

TEST_P(headers_of, a_signer_stand_on_top) { // protocol 10.3, 17: opendkim inserts at 0 and 1
    for (auto const index : {0u, 1u}) {
        header_list list(GetParam());
        list.add("Received", " a");
        list.add("From", " b");
        EXPECT_EQ(list.apply(insert(index, "DKIM-Signature", " s")).index, index);
        EXPECT_THAT(view(list),
                    ElementsAre(Pair("dkim-signature", " s"), Pair("received", " a"), Pair("from", " b")));
    }
}

TEST_P(headers_of, an_insertion_far_behind_the_end_stand_at_the_end) { // protocol 10.3
    for (auto const index : {4u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
        header_list list(GetParam());
        list.add("A", " a");
        list.add("B", " b");
        EXPECT_EQ(list.apply(insert(index, "Z", " z")).index, index); // chain P37: unchanged
        EXPECT_THAT(view(list), ElementsAre(Pair("a", " a"), Pair("b", " b"), Pair("z", " z")));
    }
}

TEST_P(headers_of, another_kind_of_edit_are_untouched) {
    header_list list(GetParam());
    list.add("A", " a");
    edit const recipient{kind::add_recipient, 0, "<a@example.com>", ""};
    EXPECT_EQ(list.apply(recipient), recipient);
    EXPECT_THAT(view(list), ElementsAre(Pair("a", " a")));
}

TEST_P(headers_of, a_change_of_index_zero_mean_the_first) { // chain P37: kept as 0 or 1
    header_list list(GetParam());
    list.add("X", " 1");
    list.add("X", " 2");
    EXPECT_LE(list.apply(change(0, "X", " new")).index, 1u);
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " new"), Pair("x", " 2")));
}

INSTANTIATE_TEST_SUITE_P(each_mta, headers_of,
                         testing::Values(mta_kind::postfix, mta_kind::sendmail, mta_kind::generic),
                         [](auto const& one) {
                             return one.param == mta_kind::postfix    ? "postfix"
                                    : one.param == mta_kind::sendmail ? "sendmail"
                                                                      : "generic";
                         });

header_list three(mta_kind profile) {
    header_list list(profile);
    for (auto const* const value : {" 1", " 2", " 3"})
        list.add("X", value);
    return list;
}

TEST(headers_of_postfix, are_renumbered_at_once_by_a_deletion) { // protocol 10.4
    auto list = three(mta_kind::postfix);
    EXPECT_EQ(list.apply(remove(1, "x")), remove(1, "x"));
    EXPECT_EQ(list.apply(remove(1, "x")), remove(1, "x"));
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " 3")));
}

TEST(headers_of_postfix, are_written_anew_with_the_name_that_a_change_spells) { // chain P26
    auto list = three(mta_kind::postfix);
    list.apply(change(1, "x", " one"));
    EXPECT_EQ(list.at(1).name, "x"); // behind the hidden one
}

TEST(headers_of_sendmail, keep_their_names_when_they_are_changed) { // chain P26
    auto list = three(mta_kind::sendmail);
    list.apply(change(1, "x", " one"));
    EXPECT_EQ(list.at(2).name, "X"); // behind the two hidden ones
}

TEST(headers_of_sendmail, keep_their_numbers_while_one_child_deletes) { // protocol 10.4
    auto list = three(mta_kind::sendmail);
    list.apply(remove(1, "x"));
    EXPECT_EQ(list.apply(remove(1, "x")).index, 1u); // deleted already
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " 2"), Pair("x", " 3")));
    EXPECT_EQ(list.apply(change(1, "X", " again")).index, 1u); // comes back
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " again"), Pair("x", " 2"), Pair("x", " 3")));
}

TEST(headers_of_sendmail, are_numbered_for_the_mta_with_those_that_earlier_children_deleted) { // chain P37
    auto list = three(mta_kind::sendmail);
    list.apply(remove(1, "X"));
    list.next_child();
    EXPECT_EQ(list.apply(change(1, "X", " second")).index, 2u); // its first is the MTA's second
    EXPECT_GT(list.apply(change(3, "X", " third")).index, 3u);  // behind the end there and here
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " third"), Pair("x", " second"), Pair("x", " 3")));
}

TEST(headers_of_sendmail, are_added_before_the_first_of_their_name) { // protocol 10.2
    auto list = three(mta_kind::sendmail);
    list.apply(remove(1, "X"));
    list.next_child();
    list.apply(add("Y", " y"));
    list.apply(add("X", " 0"));
    EXPECT_THAT(view(list), ElementsAre(Pair("x", " 0"), Pair("x", " 2"), Pair("x", " 3"), Pair("y", " y")));
}

} // namespace
} // namespace milter::core::test
