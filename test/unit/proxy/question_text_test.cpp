#include "proxy/question_text.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
namespace json = boost::json;

core::policy two_children() {
    core::policy rules;
    rules.children.resize(2);
    rules.children[0].name = "scan";
    rules.children[1].name = "grey";
    rules.questions = {{core::dns_list{}, "x.conf:1"}, {core::ruby_block{7}, "x.conf:2"}};
    return rules;
}

core::question about_a_recipient() {
    core::question what;
    what.items = {{0, 1, {{"mark", "yes"}}}, {1, 1, {}}};
    what.at = core::stage::rcpt;
    what.client = {"mail.example.com", '6', "IPv6:2001:db8::1", 25, core::parse_address("2001:db8::1")};
    what.helo = "helo.example.com";
    what.sender = "<a@example.com>";
    what.recipient = "<b@example.net>";
    what.sessions = 3;
    what.macros = {{"auth_type", "PLAIN"}};
    what.children = {{"scan", "", false}, {"grey", "reject", true}};
    what.earlier_answered = true;
    return what;
}

TEST(a_question, has_everything_that_a_block_can_look_at) {
    auto const text = question_text(about_a_recipient(), two_children(), {"chunk", {{"seen", "--- 1\n"}}}, 0);
    EXPECT_EQ(json::parse(text), json::parse(R"({
        "at": "rcpt",
        "items": [{"block": 7, "child": "scan", "macros": {"mark": "yes"}}, {"block": 7, "child": "grey", "macros": {}}],
        "client": {"host": "mail.example.com", "family": "inet6", "address": "2001:db8::1", "port": 25},
        "helo": "helo.example.com", "sender": "<a@example.com>", "recipient": "<b@example.net>",
        "header_name": "", "header_value": "", "chunk": "chunk", "sessions": 3, "macros": {"auth_type": "PLAIN"},
        "children": [{"name": "scan", "said": "", "quitted": false}, {"name": "grey", "said": "reject", "quitted": true}],
        "earlier_answered": true, "shelf": {"seen": "--- 1\n"}})"));
}

TEST(a_question, of_a_connection_checker_has_the_mtas_end) {
    at_hand more;
    more.server = {"", '4', "127.0.0.1", 4000, core::parse_address("127.0.0.1")};
    auto const server = [&] { return json::parse(question_text({}, {}, more, 0)).at("server"); };
    EXPECT_EQ(server(),
              json::parse(R"({"host": "", "family": "inet", "address": "127.0.0.1", "port": 4000})"));
    more.server = {"", 'L', "", 0, {}};
    EXPECT_EQ(server(), json::parse(R"({"host": "", "family": "unix", "path": ""})"));
}

TEST(a_question, can_go_on_from_a_later_item) {
    auto const text = question_text(about_a_recipient(), two_children(), {}, 1);
    auto const items = json::parse(text).at("items").as_array();
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].at("child"), "grey");
}

TEST(a_question, carries_bytes_that_are_no_text) {
    auto what = about_a_recipient();
    what.header_value = std::string("caf\xE9 \0 \xFF", 8);
    auto const text = question_text(what, two_children(), {}, 0);
    json::string const spread("caf\u00E9 \0 \u00FF", 10);
    EXPECT_EQ(json::parse(text).at("header_value"), (json::object{{"bytes", spread}}));
}

TEST(a_question, about_a_unix_client_has_its_path) {
    auto what = about_a_recipient();
    what.client = {"localhost", 'L', "/run/x.sock", 0, {}};
    auto const text = question_text(what, two_children(), {}, 0);
    EXPECT_EQ(json::parse(text).at("client"),
              json::parse(R"({"host": "localhost", "family": "unix", "path": "/run/x.sock"})"));
}

TEST(an_answer, says_yes_no_or_that_it_cannot_be_known) {
    EXPECT_EQ(parse_answer(R"({"says": "yes"})")->says, core::truth::yes);
    EXPECT_EQ(parse_answer(R"({"says": "no"})")->says, core::truth::no);
    EXPECT_EQ(parse_answer(R"({"says": "failed", "error": "boom"})")->says, core::truth::failed);
    EXPECT_EQ(parse_answer(R"({"says": "failed", "error": "boom"})")->error, "boom");
    EXPECT_EQ(parse_answer(R"({"says": "perhaps"})")->says, core::truth::failed);
    EXPECT_EQ(parse_answer("{}")->says, core::truth::failed);
}

TEST(an_answer, may_set_macros_and_change_the_shelf) {
    auto const read =
        parse_answer(R"({"says": "no", "wants_results": true, "macros": {"a": "1", "b": {"bytes": "é"}},
                                      "shelf": {"kept": "--- 2\n", "gone": null}})");
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->wants_results);
    EXPECT_THAT(read->macros, ElementsAre(Pair("a", "1"), Pair("b", "\xE9")));
    EXPECT_THAT(read->shelf, ElementsAre(Pair("gone", std::nullopt), Pair("kept", "--- 2\n")));
}

TEST(the_shelf, takes_changes_up_to_its_limit) {
    shelf kept{{"a", "1"}, {"b", "2"}};
    EXPECT_THAT(change(kept, {{"a", std::nullopt}, {"b", "3"}, {"c", "4"}, {"d", std::nullopt}}),
                ElementsAre());
    EXPECT_THAT(kept, ElementsAre(Pair("b", "3"), Pair("c", "4")));
    std::string const rest(most_on_shelf - 5, 'x'); // b, 3, c, 4 and its own key
    EXPECT_THAT(change(kept, {{"e", rest + "x"}}), ElementsAre("e"));
    EXPECT_THAT(change(kept, {{"e", rest}}), ElementsAre());
    EXPECT_THAT(change(kept, {{"c", "45"}, {"f", ""}}), ElementsAre("c"));
    EXPECT_EQ(kept.count("c"), 0U);
}

TEST(an_answer, of_nonsense_is_refused_or_ignored) {
    EXPECT_THAT(parse_answer("x").error(), HasSubstr("is no JSON"));
    EXPECT_THAT(parse_answer("[]").error(), HasSubstr("is no JSON object"));
    EXPECT_THAT(parse_answer(std::string(100'000, '[')).error(), HasSubstr("is no JSON"));
    auto const read =
        parse_answer(R"({"says": 1, "macros": [], "shelf": 3, "error": {}, "wants_results": "x"})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->says, core::truth::failed);
    EXPECT_THAT(read->macros, ElementsAre());
    EXPECT_EQ(parse_answer(R"({"says": "no", "macros": {"a": {"bytes": "☃"}, "b": 1}})")->macros.size(), 0U);
}

} // namespace
} // namespace milter::proxy::test
