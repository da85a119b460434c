#include "daemon/launch_table.hpp"

#include "config/parse.hpp"

#include <gmock/gmock.h>

namespace milter::daemon::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

config::snapshot configured(std::string const& milters, std::string const& more = "") {
    return config::parse("{\"milters\": [" + milters + "]" + more + "}", "f.json").value();
}

std::string milter(std::string const& name, std::string const& more) {
    return R"({"name": ")" + name + R"(", "connection_spec": "unix:/s", )" + more +
           R"(, "locations": {"command": "f:1", "user_name": "f:2"}})";
}

auto constexpr privileged = R"(, "security": {"privilege_mode": true})";

TEST(launch_table, has_words_and_a_known_user) { // configuration 5
    auto const table = launch_table_of(
        configured(
            milter("a", R"("command": "/bin/x 'b c'", "command_options": "-d e\\ f", "user_name": "nobody")"),
            privileged),
        true);
    EXPECT_THAT(table.complaints, IsEmpty());
    EXPECT_THAT(table.warnings, IsEmpty());
    ASSERT_EQ(table.commands.size(), 1u);
    EXPECT_THAT(table.commands[0].words, ElementsAre("/bin/x", "b c", "-d", "e f"));
    ASSERT_TRUE(table.commands[0].user);
    EXPECT_EQ(table.commands[0].user->name, "nobody");
    EXPECT_NE(table.commands[0].user->uid, 0u);
    EXPECT_THAT(table.commands[0].user->groups, testing::Contains(table.commands[0].user->gid));
}

TEST(launch_table, lets_root_run_nothing_as_root) {
    auto const complaint_about = [](std::string const& more) {
        auto const table = launch_table_of(configured(milter("a", more), privileged), true);
        EXPECT_THAT(table.commands, IsEmpty());
        return table.complaints.empty() ? "" : table.complaints.front().text();
    };
    EXPECT_THAT(complaint_about(R"("command": "/bin/x")"),
                HasSubstr("f:1: define_milter(\"a\"): a command without milter.user_name would run as root"));
    EXPECT_THAT(complaint_about(R"("command": "/bin/x", "user_name": "root")"),
                HasSubstr("f:2: define_milter(\"a\"): milter.user_name is \"root\"; nothing is run as root"));
    EXPECT_THAT(complaint_about(R"("command": "/bin/x", "user_name": "0")"),
                HasSubstr("nothing is run as root"));
    EXPECT_THAT(complaint_about(R"("command": "/bin/x", "user_name": "no-such-user")"),
                HasSubstr("f:2: define_milter(\"a\"): milter.user_name is \"no-such-user\"; the name"));
}

TEST(launch_table, has_programs_with_an_absolute_path_or_a_name) {
    for (auto const* const command : {"./x", "x/y", "'' x"}) {
        auto const table =
            launch_table_of(configured(milter("a", R"("command": ")" + std::string(command) + '"')), false);
        EXPECT_THAT(table.commands, IsEmpty());
        ASSERT_EQ(table.complaints.size(), 1u);
        EXPECT_THAT(table.complaints[0].text(),
                    HasSubstr("f:1: define_milter(\"a\"): milter.command begins with \""));
    }
}

TEST(launch_table, is_empty_for_root_without_privilege_mode) {
    auto const table =
        launch_table_of(configured(milter("a", R"("command": "/bin/x", "user_name": "nobody")")), true);
    EXPECT_THAT(table.commands, IsEmpty());
    EXPECT_THAT(table.complaints, IsEmpty());
    EXPECT_THAT(table.warnings,
                ElementsAre("f:1: milter.command of a is not run: security.privilege_mode is not true"));
}

TEST(launch_table, has_no_user_when_we_are_not_root) {
    auto const table =
        launch_table_of(configured(milter("a", R"("command": "/bin/x", "user_name": "no-such-user")") + "," +
                                   milter("b", R"("command": "y")")),
                        false);
    ASSERT_EQ(table.commands.size(), 2u);
    EXPECT_FALSE(table.commands[0].user);
    EXPECT_THAT(table.warnings,
                ElementsAre("f:2: milter.user_name of a has no effect: the process was not started as root"));
}

TEST(launch_table, has_each_command_of_enabled_milters_once) {
    auto const what =
        configured(milter("a", R"("command": "/bin/x")") + "," + milter("b", R"("command": "/bin/x")") + "," +
                   milter("c", R"("command": "/bin/z", "enabled": false)") + "," +
                   milter("d", R"("command": "/bin/x", "command_options": "-v")") + "," +
                   milter("e", R"("command": " ")"));
    auto const table = launch_table_of(what, false);
    EXPECT_EQ(table.commands.size(), 2u);
    EXPECT_EQ(find_command(table.commands, what.milters[0]), 0u);
    EXPECT_EQ(find_command(table.commands, what.milters[1]), 0u);
    EXPECT_FALSE(find_command(table.commands, what.milters[2]));
    EXPECT_EQ(find_command(table.commands, what.milters[3]), 1u);
}

// A milter of the system is started by its service manager, which root is needed for.
TEST(launch_table, leaves_what_detection_found_to_the_service_manager) {
    auto const detection = std::string(privileged) +
                           R"(, "detection": [{"name": "a", "detector": "d", "location": "f:1",
                               "outcome": "enabled", "why": "", "looked_at": []}])";
    auto const found = configured(milter("a", R"("command": "/etc/init.d/a")"), detection);
    ASSERT_EQ(found.detection.size(), 1u);
    auto const table = launch_table_of(found, true);
    EXPECT_THAT(table.commands, IsEmpty());
    EXPECT_THAT(table.complaints, IsEmpty());
    auto const with_user = R"("command": "/etc/init.d/a", "user_name": "nobody")";
    EXPECT_EQ(launch_table_of(configured(milter("a", with_user), detection), true).commands.size(), 1u);
}

} // namespace
} // namespace milter::daemon::test
