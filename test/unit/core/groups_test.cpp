// Which children are asked at once at the end of a message (chain V.4).
#include "core/groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

child_policy in(std::optional<std::string> group) {
    child_policy one;
    one.parallel_group = std::move(group);
    return one;
}
child_policy evaluated(std::optional<std::string> group) {
    auto one = in(std::move(group));
    one.evaluation_mode = true;
    return one;
}

using policies = std::vector<child_policy>;

TEST(groups, are_consecutive_children_with_one_name) {
    EXPECT_THAT(groups_of(policies{}), IsEmpty());
    EXPECT_THAT(groups_of(policies{in({}), in({}), in({})}), ElementsAre(0, 1, 2));
    EXPECT_THAT(groups_of(policies{in("g"), in("g"), in("g")}), ElementsAre(0, 0, 0));
    EXPECT_THAT(groups_of(policies{in({}), in("g"), in("g"), in("h"), in("h"), in({})}),
                ElementsAre(0, 1, 1, 3, 3, 5));
}

TEST(groups, of_one_name_are_two_when_a_child_stands_between) {
    EXPECT_THAT(groups_of(policies{in("g"), in({}), in("g")}), ElementsAre(0, 1, 2));
    EXPECT_THAT(groups_of(policies{in("g"), in("g"), in("h"), in("g"), in("g")}), ElementsAre(0, 0, 2, 3, 3));
}

TEST(groups, are_the_same_with_and_without_children_in_evaluation_mode) { // chain P63
    EXPECT_THAT(groups_of(policies{in("g"), evaluated({}), in("g")}), ElementsAre(0, 1, 0));
    EXPECT_THAT(groups_of(policies{in("g"), evaluated("h"), in("g")}), ElementsAre(0, 1, 0));
    EXPECT_THAT(groups_of(policies{in({}), evaluated("g"), in("g"), in("g")}), ElementsAre(0, 1, 2, 2));
}

TEST(groups, take_in_evaluation_mode_children_of_their_name) { // chain P64
    EXPECT_THAT(groups_of(policies{in("g"), evaluated("g"), in("g"), evaluated("g")}),
                ElementsAre(0, 0, 0, 0));
}

class dissolving : public testing::Test {
protected:
    // A child a letter: b may replace the body, h may not, B the same in evaluation mode, - is not connected.
    std::vector<child_index> groups_with(std::string_view letters) {
        rules_.children.clear();
        for (char const letter : letters)
            rules_.children.push_back(letter == 'B' ? evaluated("g") : in("g"));
        chain children(rules_);
        for (std::size_t i = 0; i < letters.size(); ++i) {
            if (letters[i] == '-') continue;
            children.at(i).link = child::link::ready;
            if (letters[i] != 'h') children.at(i).agreed.actions |= wire::action::change_body;
        }
        auto groups = groups_of(rules_.children);
        dissolved_ = dissolve(groups, children);
        return groups;
    }

    policy rules_;
    std::vector<child_index> dissolved_;
};

TEST_F(dissolving, is_for_groups_where_two_may_replace_the_body) {
    EXPECT_THAT(groups_with("hbh"), ElementsAre(0, 0, 0));
    EXPECT_THAT(dissolved_, IsEmpty());
    EXPECT_THAT(groups_with("bhb"), ElementsAre(0, 1, 2));
    EXPECT_THAT(dissolved_, ElementsAre(0));
}

TEST_F(dissolving, does_not_count_who_is_not_there_or_is_not_heard) { // chain P63
    EXPECT_THAT(groups_with("b-"), ElementsAre(0, 0));
    EXPECT_THAT(groups_with("bB"), ElementsAre(0, 0));
    EXPECT_THAT(dissolved_, IsEmpty());
}

} // namespace
} // namespace milter::core::test
