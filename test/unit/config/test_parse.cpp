#include "config/parse.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> complaints(std::string_view json, std::span<override_value const> overrides = {}) {
    auto const read = parse(json, "x.json", overrides);
    std::vector<std::string> texts;
    if (read) return texts;
    for (auto const& one : read.error())
        texts.push_back(one.text());
    return texts;
}

TEST(Parse, nothing_at_all_is_the_defaults) {
    auto const read = parse("{}", "x.json");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sockets.manager.unix_socket_mode, 0660U);
    EXPECT_EQ(read->live.policy.chunk_size, 65'535U);
    EXPECT_EQ(read->live.policy.on_no_child_left, core::fallback::accept);
    EXPECT_EQ(read->live.policy.on_client_gone, core::fallback::temp_fail);
    EXPECT_TRUE(read->milters.empty());
    EXPECT_TRUE(read->locations.empty());
}

TEST(Parse, builds_the_policy_of_the_enabled_milters_in_order) {
    auto const read = parse(R"({"manager": {"mta": "sendmail", "fallback_status": "reject", "max_headers": 7,
                                             "command_timeout": 2.5},
        "milters": [
          {"name": "a", "connection_spec": "unix:/a", "fallback_status": "quarantine", "reading_timeout": 0.5},
          {"name": "off", "connection_spec": "unix:/off", "enabled": false},
          {"name": "b", "connection_spec": "inet:5@[127.0.0.1]", "evaluation_mode": true, "early_feed": false}]})",
                            "x.json");
    ASSERT_TRUE(read) << read.error().front().text();
    auto const& policy = read->live.policy;
    EXPECT_EQ(policy.mta, core::mta_kind::sendmail);
    EXPECT_EQ(policy.on_no_child_left, core::fallback::reject);
    EXPECT_EQ(policy.limits.max_headers, 7U);
    EXPECT_EQ(policy.command_timeout, milliseconds(2'500));
    ASSERT_EQ(policy.children.size(), 2U);
    EXPECT_EQ(policy.children[0].name, "a");
    EXPECT_EQ(policy.children[0].where.path, "/a");
    EXPECT_EQ(policy.children[0].on_failure, core::fallback::quarantine);
    EXPECT_EQ(policy.children[0].reading_timeout, milliseconds(500));
    EXPECT_TRUE(policy.children[0].early_feed);
    EXPECT_EQ(policy.children[1].name, "b");
    EXPECT_EQ(policy.children[1].where.port, 5);
    EXPECT_TRUE(policy.children[1].evaluation_mode);
    EXPECT_FALSE(policy.children[1].early_feed);
    EXPECT_EQ(read->milters.size(), 3U);
}

TEST(Parse, all_complaints_come_together_in_the_order_of_files_and_lines) {
    EXPECT_THAT(
        complaints(R"({
        "manager": {"n_workers": -1, "bogus": 1, "max_edits": null},
        "log": {"level": "what"},
        "milters": [{"name": "m", "reading_timeot": 1, "locations": {"define_milter": "b:1", "reading_timeot": "b:2"}}],
        "conditions": [{"name": "C", "location": "a:30", "rules": [{"at": "lunch", "stop": {"always": true}}]}],
        "complaints": [{"where": "a:4", "what": "RuntimeError: x"}],
        "files": ["a", "b"],
        "locations": {"manager.n_workers": "b:10", "manager.bogus": "a:20", "log.level": "a:3"}})"),
        ElementsAre(
            StartsWith("a:3: log.level is \"what\": unknown level"), "a:4: RuntimeError: x",
            StartsWith("a:20: unknown setting manager.bogus; the nearest known name is manager."),
            StartsWith(
                "a:30: define_applicable_condition(\"C\"): no stage: \"lunch\"; allowed are connect, helo,"),
            "b:1: define_milter(\"m\"): no connection_spec; an enabled milter needs one",
            "b:2: define_milter(\"m\"): unknown setting milter.reading_timeot; the nearest known name is "
            "milter.reading_timeout",
            "b:10: manager.n_workers is -1; an integer from 0 to 1000, or nil is allowed"));
}

TEST(Parse, a_milter_gets_the_conditions_that_it_names) {
    auto const read = parse(R"({"conditions": [
          {"name": "Remote", "rules": [{"stop": {"client": "local"}}]},
          {"name": "Own", "rules": [{"at": "mail", "stop": {"not": {"ask": 3, "location": "own.conf:7"}}}]},
          {"name": "Remote", "rules": []}],
        "milters": [
          {"name": "a", "connection_spec": "unix:/a", "applicable_conditions": [{"name": "Remote", "condition": 0}]},
          {"name": "b", "connection_spec": "unix:/b", "applicable_conditions": ["Remote"]},
          {"name": "off", "enabled": false, "applicable_conditions": ["Own"]}]})",
                            "x.json");
    ASSERT_TRUE(read) << read.error().front().text();
    auto const& policy = read->live.policy;
    EXPECT_EQ(policy.children[0].conditions, std::vector<std::uint32_t>{0});
    EXPECT_EQ(policy.children[1].conditions, std::vector<std::uint32_t>{2});
    ASSERT_EQ(policy.conditions[0].rules.size(), 1U);
    EXPECT_EQ(policy.conditions[0].rules[0].at, core::stage::connect);
    EXPECT_EQ(read->milters[2].child.conditions, std::vector<std::uint32_t>{1});
}

TEST(Parse, conditions_that_are_not_there_are_complained_of) {
    EXPECT_THAT(complaints(R"({"conditions": [{"name": "Own", "rules": []}],
        "milters": [{"name": "a", "connection_spec": "unix:/a", "applicable_conditions": ["S25R", "Own"]}]})"),
                ElementsAre("x.json: define_milter(\"a\"): applicable condition should be one of [\"Own\"] "
                            "but was \"S25R\""));
}

TEST(Parse, a_list_of_the_dns_is_asked_as_it_says) {
    auto const read = parse(R"({"conditions": [{"name": "Listed", "rules": [{"stop": {"dnsbl": {
          "services": [{"domain": "one.example", "expected": "127.0.0.10/31"}, {"domain": "two.example"}],
          "name_servers": ["192.0.2.53", "[2001:db8::53]:5353"], "timeout": 0.25}}}]}],
        "milters": [{"name": "a", "connection_spec": "unix:/a", "applicable_conditions": ["Listed"]}]})",
                            "x.json");
    ASSERT_TRUE(read) << read.error().front().text();
    auto const& policy = read->live.policy;
    EXPECT_EQ(policy.conditions[0].rules[0].at, core::stage::connect);
    ASSERT_EQ(policy.questions.size(), 1U);
    auto const& list = std::get<core::dns_list>(policy.questions[0].of);
    ASSERT_EQ(list.services.size(), 2U);
    EXPECT_EQ(list.services[0].domain, "one.example");
    EXPECT_TRUE(list.services[0].expected->contains(core::parse_address("127.0.0.11").value()));
    EXPECT_FALSE(list.services[1].expected);
    ASSERT_EQ(list.name_servers.size(), 2U);
    EXPECT_EQ(core::describe(list.name_servers[0]), "192.0.2.53:53");
    EXPECT_EQ(core::describe(list.name_servers[1]), "[2001:db8::53]:5353");
    EXPECT_EQ(list.timeout, std::chrono::milliseconds(250));
}

TEST(Parse, without_a_location_the_source_is_named) {
    EXPECT_THAT(complaints(R"({"log": {"path": 1}})"),
                ElementsAre("x.json: log.path is 1; a text, or nil is allowed"));
}

TEST(Parse, names_are_allowed_once_and_needed) {
    EXPECT_THAT(complaints(R"({"milters": [{"name": "a", "enabled": false}, {"name": "a", "enabled": false},
                                           {"enabled": false}, {"name": 3}, 4]})"),
                ElementsAre("x.json: a second milter \"a\"; a name is allowed once",
                            "x.json: a milter without a name; its \"name\" must be a text",
                            "x.json: a milter without a name; its \"name\" must be a text",
                            "x.json: a milter is 4; an object is allowed"));
}

TEST(Parse, parts_of_a_wrong_shape) {
    for (auto const* json : {"[]", "3", "null", R"({"manager": []})", R"({"milters": {}})", R"({"files": 1})",
                             R"({"conditions": {}})", R"({"complaints": "x"})", R"({"bogus": {}})"}) {
        EXPECT_THAT(complaints(json), ElementsAre(StartsWith("x.json: "))) << json;
    }
    EXPECT_THAT(complaints(R"({"complaints": ["x"]})"), ElementsAre("x.json: \"x\""));
}

TEST(Parse, what_is_not_json_is_told_with_line_and_column) {
    EXPECT_THAT(complaints(""), ElementsAre(StartsWith("x.json:1:1: not JSON: ")));
    EXPECT_THAT(complaints("{\n  \"manager\": }"), ElementsAre(StartsWith("x.json:2:14: not JSON: ")));
    EXPECT_THAT(complaints("{} x"), ElementsAre(StartsWith("x.json:1:4: not JSON: ")));
    EXPECT_THAT(complaints("{\"manager\": {\"pid_file\": \"\xff\"}}"), ElementsAre(HasSubstr("not JSON")));
    EXPECT_THAT(complaints(std::string(100'000, '[')), ElementsAre(HasSubstr("not JSON")));
}

TEST(Parse, overrides_win_in_their_order_and_have_no_location) {
    std::vector<override_value> const overrides{{"manager", "n_workers", 4, "--n-workers"},
                                                {"manager", "n_workers", 5, "--n-workers"}};
    auto const read = parse(R"({"manager": {"n_workers": 1}, "locations": {"manager.n_workers": "f:1"}})",
                            "x.json", overrides);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->fixed.n_workers, 5U);
    EXPECT_FALSE(read->locations.contains("manager.n_workers"));
    EXPECT_EQ(problem_of(overrides[0]), std::nullopt);
}

TEST(Parse, a_complaint_is_one_line_whatever_it_quotes) {
    auto const told = complaints(R"({"manager": {"connection_spec": "\net:1\u001b"},
                                     "locations": {"manager.connection_spec": "a\nb:1"}})");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_THAT(told[0], StartsWith("a\\nb:1: manager.connection_spec is"));
    EXPECT_THAT(told[0], HasSubstr("<\\net:1\\x1B>"));
    EXPECT_THAT(told[0], Not(HasSubstr("\n")));
}

TEST(Parse, a_bad_override_is_told_by_its_option) {
    std::vector<override_value> const overrides{{"manager", "n_workers", 5000, "--n-workers"}};
    auto const expected =
        "--n-workers: manager.n_workers is 5000; an integer from 0 to 1000, or nil is allowed";
    EXPECT_THAT(complaints("{}", overrides), ElementsAre(expected));
    EXPECT_EQ(problem_of(overrides[0])->text(), expected);
}

TEST(Parse, log_settings_at_their_default_have_no_location) {
    auto const read = parse(R"({"log": {"syslog_facility": "mail", "level": "default", "use_syslog": false},
        "locations": {"log.syslog_facility": "f:1", "log.level": "f:2", "log.use_syslog": "f:3"}})",
                            "x.json");
    ASSERT_TRUE(read);
    EXPECT_THAT(read->locations, ElementsAre(testing::Pair("log.use_syslog", "f:3")));
}

} // namespace
} // namespace milter::config
