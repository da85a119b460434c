#include "config/difference.hpp"

#include "config/parse.hpp"

#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<change> between(std::string_view before, std::string_view after) {
    return difference(parse(before, "old.json").value(), parse(after, "new.json").value());
}

constexpr auto two = R"({"milters": [{"name": "a", "connection_spec": "inet:1@localhost"},
                                     {"name": "b", "connection_spec": "inet:2@localhost"}]})";

TEST(Difference, of_a_configuration_and_itself_is_nothing) {
    EXPECT_THAT(between(two, two), IsEmpty());
    EXPECT_THAT(between("{}", "{}"), IsEmpty());
}

TEST(Difference, says_of_a_setting_its_new_value_and_place) {
    EXPECT_THAT(between("{}", R"({"manager": {"max_connections": 7},
                                  "locations": {"manager.max_connections": "f:3"}})"),
                ElementsAre(change{"manager.max_connections", "7", "f:3"}));
    EXPECT_THAT(between(R"({"manager": {"max_connections": 7}})", "{}"),
                ElementsAre(change{"manager.max_connections", "0", "default"}));
}

TEST(Difference, knows_what_needs_a_restart) {
    EXPECT_THAT(between("{}", R"({"manager": {"n_workers": 3, "connection_spec": "inet:9@127.0.0.1"},
                                  "log": {"level": "error", "path": "/var/log/m"},
                                  "locations": {"manager.n_workers": "f:4"}})"),
                ElementsAre(change{"log.level", R"("error")", "new.json"},
                            change{"log.path", R"("/var/log/m")", "new.json"},
                            change{"manager.connection_spec", R"("inet:9@127.0.0.1")", "new.json"},
                            change{"manager.n_workers", "3", "f:4", true}));
}

TEST(Difference, of_commands_needs_a_restart_and_what_is_in_force_stays) { // tools F.5
    auto const with = [](std::string const& more) {
        return parse(R"({"milters": [{"name": "a", "connection_spec": "unix:/a")" + more + "}]}", "f")
            .value();
    };
    auto const before = with(R"(, "command": "/x", "locations": {"command": "f:1"})");
    auto after = with(
        R"(, "command": "/y", "user_name": "mail", "description": "d", "locations": {"command": "f:2"})");
    EXPECT_THAT(difference(before, after),
                ElementsAre(change{"milter.description of a", R"("d")", "f"},
                            change{"milter.command of a", R"("/y")", "f:2", true},
                            change{"milter.user_name of a", R"("mail")", "f", true}));
    keep_what_needs_restart(after, before);
    EXPECT_THAT(difference(before, after), ElementsAre(change{"milter.description of a", R"("d")", "f"}));
}

TEST(Difference, is_not_that_a_value_was_written_in_another_way_or_elsewhere) {
    EXPECT_THAT(between(R"({"manager": {"connection_spec": "inet:9@127.0.0.1"}})",
                        R"({"manager": {"connection_spec": "inet:9@[127.0.0.1]"},
                            "locations": {"manager.connection_spec": "g:1"}})"),
                IsEmpty());
}

TEST(Difference, shows_no_password) {
    EXPECT_THAT(between("{}", R"({"database": {"password": "secret", "extra_options": {"key": "secret"}}})"),
                ElementsAre(change{"database.password", R"("********")", "new.json"},
                            change{"database.extra_options", R"("********")", "new.json"}));
}

TEST(Difference, of_milters) {
    EXPECT_THAT(between(two, R"({"milters": [
                    {"name": "b", "connection_spec": "inet:2@localhost", "reading_timeout": 4.5,
                     "enabled": false, "locations": {"reading_timeout": "f:2", "enabled": "f:3"}},
                    {"name": "c", "connection_spec": "inet:3@localhost",
                     "locations": {"define_milter": "f:7"}}]})"),
                ElementsAre(change{"milter.enabled of b", "false", "f:3"},
                            change{"milter.reading_timeout of b", "4.5", "f:2"},
                            change{"milter c", "added", "f:7"}, change{"milter a", "removed", ""}));
}

TEST(Difference, of_their_order_which_is_one_change_however_many_moved) {
    constexpr auto before = R"({"milters": [{"name": "a", "connection_spec": "inet:1"},
        {"name": "gone", "connection_spec": "inet:4"}, {"name": "b", "connection_spec": "inet:2"},
        {"name": "c", "connection_spec": "inet:3"}]})";
    constexpr auto after = R"({"milters": [{"name": "a", "connection_spec": "inet:1"},
        {"name": "c", "connection_spec": "inet:3", "locations": {"define_milter": "f:2"}},
        {"name": "b", "connection_spec": "inet:2"}]})";
    EXPECT_THAT(between(before, after), ElementsAre(change{"milter gone", "removed", ""},
                                                    change{"order of milters", R"(["a", "c", "b"])", "f:2"}));
}

TEST(Difference, of_conditions_is_what_they_say_and_not_where) {
    constexpr auto before = R"({"conditions": [
        {"name": "small", "location": "f:1", "rules": [{"stop": {"size_over": 10}, "location": "f:2"}]},
        {"name": "old", "rules": []}]})";
    EXPECT_THAT(between(before, R"({"conditions": [
        {"name": "small", "location": "f:5", "rules": [{"stop": {"size_over": 10}, "location": "f:6"}]},
        {"name": "old", "rules": []}]})"),
                IsEmpty());
    EXPECT_THAT(between(before, R"({"conditions": [
        {"name": "small", "location": "f:5", "rules": [{"stop": {"size_over": 11}, "location": "f:6"}]},
        {"name": "new", "location": "f:9", "rules": []}]})"),
                ElementsAre(change{"condition new", "added", "f:9"},
                            change{"condition small", "changed", "f:5"},
                            change{"condition old", "removed", ""}));
}

} // namespace
} // namespace milter::config
