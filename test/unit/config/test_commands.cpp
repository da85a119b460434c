#include "config/commands.hpp"

#include "config/command_words.hpp"
#include "config/parse.hpp"

#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CommandWords, are_those_of_sh_and_expand_nothing) {
    EXPECT_THAT(command_words("").value(), IsEmpty());
    EXPECT_THAT(command_words(" \t\n ").value(), IsEmpty());
    EXPECT_THAT(command_words("  a  b\tc\nd ").value(), ElementsAre("a", "b", "c", "d"));
    EXPECT_THAT(command_words(R"('a b'"c d"e\ f '' "")").value(), ElementsAre("a bc de f", "", ""));
    EXPECT_THAT(command_words(R"('\"' "\a\"\\\$\`'" \n\')").value(),
                ElementsAre(R"(\")", R"(\a"\$`')", "n'"));
    EXPECT_THAT(command_words("a\\\nb \"c\\\nd\" 'e\\\nf'").value(), ElementsAre("ab", "cd", "e\\\nf"));
    EXPECT_THAT(command_words("$HOME * a;b|c >d # `e`").value(),
                ElementsAre("$HOME", "*", "a;b|c", ">d", "#", "`e`"));
}

TEST(CommandWords, are_refused_when_something_is_not_closed) {
    EXPECT_EQ(command_words("a 'b").error(), "has a quote that is not closed");
    EXPECT_EQ(command_words("a \"b'").error(), "has a quote that is not closed");
    EXPECT_EQ(command_words("a \"b\\").error(), "has a quote that is not closed");
    EXPECT_EQ(command_words("a\\").error(), "ends with \\; there is nothing to quote");
    EXPECT_THAT(command_words(std::string_view("a\0b", 3)).error(), HasSubstr("NUL"));
}

TEST(Commands, that_cannot_be_run_are_complaints_at_their_lines) {
    auto const wrong = parse(R"({"milters": [
        {"name": "a", "connection_spec": "unix:/a", "command": "x 'y", "locations": {"command": "f:1"}},
        {"name": "b", "connection_spec": "unix:/b", "command": "x", "command_options": "\"",
         "locations": {"command_options": "f:2"}},
        {"name": "e", "connection_spec": "unix:/e", "command": "/x/y", "command_options": "z"},
        {"name": "f", "connection_spec": "unix:/f", "command": "x"}]})",
                             "f")
                           .error();
    ASSERT_EQ(wrong.size(), 2u);
    EXPECT_EQ(wrong[0].text(),
              R"(f:1: define_milter("a"): milter.command is "x 'y"; it has a quote that is not closed)");
    EXPECT_THAT(wrong[1].text(), HasSubstr(R"(f:2: define_milter("b"): milter.command_options is)"));
}

} // namespace
} // namespace milter::config
