#include "config/parse.hpp"
#include "config/show.hpp"
#include "config/summary.hpp"

#include <string>

#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto two_milters = R"({
    "manager": {"connection_spec": "inet:1@127.0.0.1", "unix_socket_mode": 0},
    "controller": {"unix_socket_mode": 0},
    "database": {"password": "secret", "extra_options": {"key": "secret"}},
    "milters": [
        {"name": "a", "connection_spec": "inet:20001@127.0.0.1", "reading_timeout": 4.25,
         "locations": {"define_milter": "f:1", "connection_spec": "f:2", "reading_timeout": "f:3"}},
        {"name": "b", "enabled": false, "fallback_status": "discard"}
    ],
    "locations": {"manager.connection_spec": "f:9"},
    "files": ["f"]
})";

TEST(Show, a_milter_to_the_letter) { // configuration 12
    EXPECT_THAT(show(parse(two_milters, "x.json").value()), HasSubstr(R"(
# f:1
define_milter("a") do |milter|
  # f:2
  milter.connection_spec = "inet:20001@127.0.0.1"
  # default
  milter.description = nil
  # default
  milter.enabled = true
  # default
  milter.fallback_status = "accept"
  # default
  milter.evaluation_mode = false
  # default
  milter.applicable_conditions = []
  # default
  milter.command = nil
  # default
  milter.command_options = nil
  # default
  milter.user_name = nil
  # default
  milter.connection_timeout = 297.0
  # default
  milter.writing_timeout = 7.0
  # f:3
  milter.reading_timeout = 4.25
  # default
  milter.end_of_message_timeout = 297.0
  # default
  milter.retry_next_message = true
)"));
}

TEST(Show, blocks_are_separated_by_one_blank_line_and_the_end_has_none) {
    auto const text = show(parse(two_milters, "x.json").value());
    EXPECT_TRUE(text.starts_with("# default\npackage.platform = "));
    EXPECT_TRUE(text.ends_with("  milter.extra_macros = {}\nend\n"));
    EXPECT_THAT(text, Not(HasSubstr("\n\n\n")));
    for (auto const* start :
         {"security.privilege_mode", "log.level", "manager.connection_spec", "controller.connection_spec",
          "database.type", "define_milter(\"a\")", "define_milter(\"b\")"}) {
        auto const line = text.rfind('\n', text.find(start) - 2);
        EXPECT_EQ(text.substr(line - 1, 4), "\n\n# ") << start;
    }
    EXPECT_THAT(show(snapshot{}), testing::EndsWith("database.password = nil\n"));
}

TEST(Show, a_mode_of_0_as_it_always_was) {
    auto const text = show(parse(two_milters, "x.json").value());
    EXPECT_THAT(text, HasSubstr("manager.unix_socket_mode = 0\n"));
    EXPECT_THAT(text, HasSubstr("controller.unix_socket_mode = 00\n"));
}

TEST(Show, no_secret) {
    EXPECT_THAT(show(parse(two_milters, "x.json").value()), Not(HasSubstr("secret")));
}

TEST(Show, sockets_are_shown_as_they_were_written) {
    auto const read = parse(two_milters, "x.json").value();
    EXPECT_THAT(show(read), HasSubstr("# f:9\nmanager.connection_spec = \"inet:1@127.0.0.1\"\n"));
    EXPECT_EQ(read.sockets.manager.where->port, 1);
}

TEST(Show, conditions_stand_before_the_milters_and_are_listed_with_places) { // configuration 12
    auto const text = show(parse(R"({
        "conditions": [
            {"name": "A", "location": "f:1", "replaced": true},
            {"name": "B \"b\"", "location": "f:2", "description": "first\nsecond", "locations": {"description": "f:3"}},
            {"name": "A", "location": "f:4"}],
        "milters": [{"name": "m", "enabled": false, "applicable_conditions": [
            {"name": "A", "condition": 0, "location": "f:5"}, {"name": "A", "condition": 2, "location": null}, "B \"b\""]}]
        })",
                                 "x.json")
                               .value());
    EXPECT_THAT(text, HasSubstr(R"(
database.password = nil

# f:2
define_applicable_condition("B \"b\"") do |condition|
  # f:3
  condition.description = "first\nsecond"
end

# f:4
define_applicable_condition("A") do |condition|
  # default
  condition.description = nil
end

# x.json
define_milter("m") do |milter|
)"));
    EXPECT_THAT(text, HasSubstr(R"(
  milter.evaluation_mode = false
  milter.applicable_conditions = [
    # f:5
    "A",
    # default
    "A",
    # default
    "B \"b\"",
  ]
  # default
  milter.command = nil
)"));
}

TEST(Summary, names_what_runs_and_what_does_not) {
    EXPECT_EQ(summary(parse(two_milters, "x.json").value()), R"(The configuration is right.
Read: f
Listen on inet:1@127.0.0.1
Milter 1: "a" on inet:20001@127.0.0.1, fallback accept
Not asked: "b" (disabled at x.json)
)");
}

} // namespace
} // namespace milter::config
