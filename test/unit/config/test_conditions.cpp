#include "config/blocks.hpp"
#include "config/checkers.hpp"
#include "config/parse.hpp"
#include "core/condition.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<std::string> complaints(std::string const& json) {
    auto const read = parse(json, "x.json");
    std::vector<std::string> texts;
    if (read) return texts;
    for (auto const& one : read.error())
        texts.push_back(one.text());
    return texts;
}

// A configuration with one condition, which has one rule.
std::string with_rule(std::string const& rule) {
    return R"({"conditions": [{"name": "C", "location": "f:1", "rules": [)" + rule + "]}]}";
}

std::string with_expression(std::string const& expression) {
    return with_rule(R"({"stop": )" + expression + R"(, "location": "f:2"})");
}

TEST(Conditions, every_form_of_an_expression_is_read) {
    for (
        auto const* expression :
        {R"({"always": true})",
         R"({"not": {"always": false}})",
         R"({"all": [{"postfix": true}]})",
         R"({"any": [{"authenticated": true}, {"client_in": ["192.0.2.0/24", "2001:db8::1"]}]})",
         R"({"client_family": "inet6"})",
         R"({"client": "remote", "local": ["192.0.2.0/24"], "remote": []})",
         R"({"host": ["a", {"text": "b", "exact": true}, {"domain": "c"}, {"texts": ["d", "e"]}]})",
         R"({"helo": [{"regexp": "\\Ax", "options": "imx", "negate": true, "location": "t:1"}]})",
         R"({"sender": [{"text": "x", "result": false}, {"regexp": ".", "options": ""}]})",
         R"({"sender_domain": ["x"]})",
         R"({"recipient": ["x"]})",
         R"({"recipients": "any", "is": ["x"]})",
         R"({"recipients": "all", "is": ["x"]})",
         R"({"macro": "daemon_name"})",
         R"({"macro": "daemon_port", "is": ["587"]})",
         R"({"header": "Subject", "is": ["x"]})",
         R"({"size_over": 100})",
         R"({"time": {"from": "22:00", "to": "06:00", "days": ["mon", "sun"]}})",
         R"({"time": {"from": "00:00", "to": "24:00"}})",
         R"({"sessions_at_least": 75})",
         R"({"child": "a", "said": ["reject", "temporary-failure"]})",
         R"({"dnsbl": {"services": [{"domain": "x", "expected": "127.0.0.2"}, {"domain": "y", "expected": null}],
                        "name_servers": ["192.0.2.53", "192.0.2.54:5353"], "timeout": 5}})",
         R"({"ask": 3, "location": "f:9"})"}) {
        EXPECT_THAT(complaints(with_expression(expression)), IsEmpty()) << expression;
    }
}

TEST(Conditions, what_is_no_expression_is_told_with_the_place_of_its_rule) {
    for (auto const* expression :
         {"3",
          "{}",
          R"({"bogus": 1})",
          R"({"host": ["x"], "helo": ["y"]})",
          R"({"not": 3})",
          R"({"any": {}})",
          R"({"host": "x"})",
          R"({"host": [3]})",
          R"({"host": [{"bogus": 1}]})",
          R"({"host": [{"regexp": "("}]})",
          R"({"client_in": ["foo"]})",
          R"({"client_family": "ipx"})",
          R"({"client": "far"})",
          R"({"time": {"from": "26:00", "to": "06:00"}})",
          R"({"child": "a", "said": ["bogus"]})",
          R"({"size_over": "big"})",
          R"({"ask": -1})",
          R"({"always": 1})",
          R"({"authenticated": false})",
          R"({"postfix": "yes"})",
          R"({"recipients": "some", "is": []})",
          R"({"host": ["x"], "at": "mail"})",
          R"({"host": [{"text": "x", "option": "i"}]})",
          R"({"host": [{"text": "x", "domain": "y"}]})",
          R"({"host": [{"text": "x", "negate": 1}]})",
          R"({"dnsbl": {"services": [{"domain": "x"}], "name_servers": ["dns.example"]}})",
          R"({"dnsbl": {"services": [{"domain": "x"}], "name_servers": ["192.0.2.53:0"]}})",
          R"({"dnsbl": {"services": [{"domain": "x"}], "timeout": 0}})",
          R"({"dnsbl": {"services": [{"domain": "x"}], "timeout": 1e300}})"}) {
        EXPECT_THAT(complaints(with_expression(expression)),
                    ElementsAre(StartsWith("f:2: define_applicable_condition(\"C\"): ")))
            << expression;
    }
}

TEST(Conditions, what_is_no_rule_is_told) {
    for (auto const* rule :
         {"3", "{}", R"({"stop": {"always": true}, "set": {"x": "y"}})",
          R"({"stop": {"always": true}, "when": {"postfix": true}})",
          R"({"stop": {"always": true}, "wehn": {"postfix": true}})",
          R"({"set": {"x": "y"}, "unset_only": "yes"})", R"({"at": "lunch", "stop": {"always": true}})",
          R"({"at": "mail", "set": 3})", R"({"at": "mail", "set": {"x": 3}})",
          R"({"at": "mail", "set": {"x": {"macro": 3}}})"}) {
        EXPECT_THAT(complaints(with_rule(rule)),
                    ElementsAre(StartsWith("f:1: define_applicable_condition(\"C\"): ")))
            << rule;
    }
    EXPECT_THAT(complaints(R"({"conditions": [{"name": "C", "rules": {}}]})"), testing::SizeIs(1));
    EXPECT_THAT(complaints(R"({"conditions": [{"name": "C", "rule": []}]})"), testing::SizeIs(1));
    EXPECT_THAT(complaints(R"({"conditions": [{"name": "C", "description": 3}]})"), testing::SizeIs(1));
    EXPECT_THAT(complaints(R"({"conditions": [3, {"location": "f:1"}]})"), testing::SizeIs(2));
}

TEST(Conditions, a_rule_that_sets_macros) {
    auto const read = parse(with_rule(R"({"at": "mail", "set": {"{a}": "b", "c": {"macro": "{d}"}},
                                          "when": {"postfix": true}, "unset_only": true})"),
                            "x.json");
    ASSERT_TRUE(read);
    auto const& rule = read->live.policy.conditions.at(0).rules.at(0);
    EXPECT_FALSE(rule.stops);
    EXPECT_TRUE(rule.unset_only);
    EXPECT_THAT(rule.macros, ElementsAre(testing::Pair("a", "b")));
    EXPECT_THAT(rule.copies, ElementsAre(testing::Pair("c", "d")));
}

TEST(Conditions, a_milter_names_them_by_position_or_by_the_last_of_a_name) {
    auto const read = parse(R"({
        "conditions": [{"name": "A", "replaced": true}, {"name": "B"}, {"name": "A"}],
        "milters": [{"name": "m", "connection_spec": "unix:/m",
                     "applicable_conditions": ["A", {"name": "A", "condition": 0}, {"name": "B", "condition": 1}]}]})",
                            "x.json");
    ASSERT_TRUE(read);
    EXPECT_THAT(read->live.policy.children.at(0).conditions, ElementsAre(2, 0, 1));
    EXPECT_THAT(read->milters.at(0).applicable_conditions, ElementsAre("A", "A", "B"));
}

TEST(Conditions, an_unknown_name_is_told_with_those_that_exist) {
    EXPECT_THAT(
        complaints(R"({"conditions": [{"name": "A"}], "milters": [{"name": "m", "enabled": false,
        "applicable_conditions": ["A", {"name": "B", "location": "f:7"}]}]})"),
        ElementsAre(
            "f:7: define_milter(\"m\"): applicable condition should be one of [\"A\"] but was \"B\""));
}

TEST(Hooks, a_connection_checker_can_be_the_daemons_own) {
    auto const read = [](std::string const& interval) {
        return parse(fmt::format(R"({{"manager": {{"connection_check_interval": {}}},
            "locations": {{"manager.connection_check_interval": "f:2"}},
            "hooks": {{"connection_checkers": [{{"name": "netstat", "kind": "native", "location": "f:1"}}]}}}})",
                                 interval),
                     "x.json")
            .value();
    };
    auto const often = read("5");
    EXPECT_TRUE(often.hooks.connection_checkers.at(0).native);
    EXPECT_EQ(often.live.policy.client_check_interval, seconds(5));
    EXPECT_FALSE(runs_blocks(often)); // it needs no Ruby
    EXPECT_THAT(checker_warnings(often), IsEmpty());
    auto const never = read("0");
    EXPECT_EQ(never.live.policy.client_check_interval, seconds(0));
    EXPECT_THAT(checker_warnings(never),
                ElementsAre("f:1: the connection checker \"netstat\" is never asked; "
                            "set manager.connection_check_interval"));
}

TEST(Hooks, an_interval_needs_a_connection_checker) {
    auto const read = parse(R"({"manager": {"connection_check_interval": 7},
                                "locations": {"manager.connection_check_interval": "f:2"}})",
                            "x.json");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->live.policy.client_check_interval, seconds(0));
    EXPECT_THAT(
        checker_warnings(*read),
        ElementsAre("f:2: manager.connection_check_interval has no effect without a connection checker; "
                    "add manager.use_netstat_connection_checker(7)"));
}

TEST(Hooks, a_connection_checker_in_ruby_needs_a_worker_when_it_is_asked) {
    auto const read = [](int interval) {
        return parse(fmt::format(R"({{"manager": {{"connection_check_interval": {}}},
                                     "hooks": {{"connection_checkers": [{{"ask": 0}}]}}}})",
                                 interval),
                     "x.json")
            .value();
    };
    EXPECT_TRUE(runs_blocks(read(1)));
    EXPECT_FALSE(runs_blocks(read(0)));
}

TEST(Hooks, are_numbers_of_ruby_blocks) {
    auto const read =
        parse(R"({"hooks": {"connection_checkers": [{"name": "netstat", "ask": 3, "location": "f:1"}],
                                          "maintained": [{"ask": 4}], "event_loop_created": []}})",
              "x.json");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->hooks.connection_checkers.at(0).name, "netstat");
    EXPECT_EQ(read->hooks.connection_checkers.at(0).block, 3U);
    EXPECT_EQ(read->hooks.maintained.at(0).where, "x.json");
    EXPECT_THAT(read->hooks.event_loop_created, IsEmpty());
    for (auto const* hooks : {"3", R"({"bogus": []})", R"({"maintained": 3})", R"({"maintained": [3]})",
                              R"({"maintained": [{"ask": "x"}]})", R"({"maintained": [{"kind": "native"}]})",
                              R"({"connection_checkers": [{"kind": "native", "ask": 3}]})",
                              R"({"connection_checkers": [{"kind": "odd"}]})"})
        EXPECT_THAT(complaints(fmt::format(R"({{"hooks": {}}})", hooks)), testing::SizeIs(1)) << hooks;
}

} // namespace
} // namespace milter::config
