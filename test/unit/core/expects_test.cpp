#include "core/expects.hpp"

#include "core/session.hpp"

#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

TEST(an_invariant, is_named_with_its_place_when_it_does_not_hold) {
    EXPECT_NO_THROW(expects(true, "nothing"));
    unsigned const line = __LINE__ + 2;
    try {
        expects(false, "one of them");
        FAIL() << "nothing was thrown";
    } catch (broken_invariant const& found) {
        EXPECT_STREQ(found.what(), "one of them");
        EXPECT_EQ(found.line(), line);
        EXPECT_TRUE(std::string_view(found.file()).ends_with("expects_test.cpp"));
    }
}

TEST(an_invariant, is_not_met_by_a_child_that_there_is_not) {
    policy const rules;
    session one(rules);
    actions todo;
    EXPECT_THROW(one.handle(child_connected{0}, microseconds(1), todo), broken_invariant);
    one.break_off(microseconds(1), todo);
    EXPECT_TRUE(one.finished());
    ASSERT_EQ(todo.todo().size(), 1U);
    EXPECT_TRUE(std::holds_alternative<close_mta>(todo.todo().front()));
}

} // namespace
} // namespace milter::core::test
