// Header edits of the members of a group, who all mean the message at the group's entry (chain V.4).
#include "core/headers.hpp"

#include "unit/core/edit_history.hpp"
#include "unit/core/mta_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

// A group at work: what the manager believes, and an MTA that is told what it says.
struct group {
    group(header_view const& fields, mta_kind profile)
        : managed(profile), told(profile == mta_kind::sendmail) {
        for (auto const& [name, value] : fields) {
            managed.add(name, value);
            told.receive(name, value);
        }
        told.send();
        entry.emplace(managed);
    }
    // The edits that the MTA is told.
    std::vector<edit> commit(std::vector<edit> const& edits) {
        header_list shown = *entry;
        std::vector<edit> said;
        for (auto const& one : edits)
            if (auto const now = managed.apply(one, shown)) {
                said.push_back(*now);
                told.apply(*now);
            }
        managed.next_child();
        return said;
    }

    header_list managed;
    mta_model told;
    std::optional<header_list> entry;
};

class headers_of_a_group : public testing::TestWithParam<mta_kind> {};

TEST_P(headers_of_a_group, are_what_the_mta_makes_of_what_it_is_told) { // chain V.4, P37
    for (unsigned seed = 1; seed <= 5'000; ++seed) {
        std::mt19937 dice(seed);
        auto const all = random_history(dice);
        group at_work(all.fields, GetParam());
        for (auto const& edits : all.children)
            at_work.commit(edits);
        ASSERT_EQ(view(at_work.managed), at_work.told.send()) << "seed " << seed << "\n" << words(all);
    }
}

// Independent: no two members touch fields of one name, and none what it has itself inserted, since where
// that comes to stand depends on what the others have inserted.
TEST_P(headers_of_a_group, are_those_of_the_native_chain_when_the_members_are_independent) { // chain V.4
    for (unsigned seed = 1; seed <= 5'000; ++seed) {
        std::mt19937 dice(seed);
        auto all = random_history(dice);
        auto const of_member = [&](std::string& name, std::size_t member) {
            name += "-" + std::to_string(member);
        };
        for (auto& [name, value] : all.fields)
            of_member(name, dice() % all.children.size());
        for (std::size_t i = 0; i < all.children.size(); ++i)
            for (auto& one : all.children[i])
                of_member(one.name += one.what == edit::kind::insert_header ? "-new" : "", i);
        mta_model native(GetParam() == mta_kind::sendmail);
        for (auto const& [name, value] : all.fields)
            native.receive(name, value);
        group at_work(all.fields, GetParam());
        for (auto const& edits : all.children) {
            native.send();
            for (auto const& one : edits)
                native.apply(one);
            at_work.commit(edits);
        }
        ASSERT_EQ(view(at_work.managed), native.send()) << "seed " << seed << "\n" << words(all);
        ASSERT_EQ(at_work.told.message(), native.message()) << "seed " << seed << "\n" << words(all);
    }
}

TEST_P(headers_of_a_group, are_found_whatever_stands_before_them_by_now) { // chain V.4
    group at_work({{"X", " 1"}, {"X", " 2"}}, GetParam());
    at_work.commit({insert(0, "X", " new"), remove(2, "X")});
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " new"), Pair("x", " 2")));
    at_work.commit({change(2, "X", " second")});
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " new"), Pair("x", " second")));
}

TEST_P(headers_of_a_group, are_deleted_once) { // chain V.4
    group at_work({{"X", " 1"}, {"X", " 2"}}, GetParam());
    at_work.commit({remove(1, "X")});
    EXPECT_THAT(at_work.commit({remove(1, "X")}), testing::IsEmpty());
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " 2")));
}

TEST_P(headers_of_a_group, are_added_when_an_earlier_member_deleted_what_is_changed) { // chain V.4
    group at_work({{"X", " 1"}}, GetParam());
    at_work.commit({remove(1, "X")});
    at_work.commit({change(1, "X", " of b"), change(1, "X", " of b again")});
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " of b again")));
    // For the third member, the field of the entry is still the deleted one.
    EXPECT_THAT(at_work.commit({remove(1, "X")}), testing::IsEmpty());
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " of b again")));
    EXPECT_EQ(view(at_work.managed), at_work.told.send());
}

TEST_P(headers_of_a_group, may_be_changed_by_two_members_and_the_later_counts) { // chain V.4
    group at_work({{"X", " 1"}}, GetParam());
    at_work.commit({change(1, "X", " of a")});
    at_work.commit({change(1, "X", " of b")});
    EXPECT_THAT(view(at_work.managed), ElementsAre(Pair("x", " of b")));
}

TEST_P(headers_of_a_group, keep_the_index_of_an_insertion) { // chain V.4
    group at_work({{"A", " 1"}, {"B", " 2"}}, GetParam());
    at_work.commit({insert(0, "X", " of a")});
    EXPECT_THAT(at_work.commit({insert(1, "Y", " of b")}), ElementsAre(insert(1, "Y", " of b")));
}

INSTANTIATE_TEST_SUITE_P(each_mta, headers_of_a_group,
                         testing::Values(mta_kind::postfix, mta_kind::sendmail, mta_kind::generic),
                         [](auto const& one) {
                             return one.param == mta_kind::postfix    ? "postfix"
                                    : one.param == mta_kind::sendmail ? "sendmail"
                                                                      : "generic";
                         });

} // namespace
} // namespace milter::core::test
