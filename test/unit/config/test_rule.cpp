#include "config/inspect.hpp"
#include "config/log_levels.hpp"
#include "config/rule.hpp"

#include <array>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace milter::config {
namespace {

constexpr std::array<std::string_view, 2> words{"accept", "temporary-failure"};

// What a rule makes of a JSON text, as Ruby would write it, or "refused".
std::string outcome(rule const& by, std::string const& given) {
    auto const judged = judge(by, boost::json::parse(given));
    return judged ? inspect(*judged) : "refused";
}

struct row {
    char const* given;
    char const* expected;
};

void expect(rule const& by, std::initializer_list<row> rows) {
    for (auto const& one : rows)
        EXPECT_EQ(outcome(by, one.given), one.expected) << one.given;
}

TEST(Rule, text) {
    expect({.type = type::text}, {{R"("x")", R"("x")"},
                                  {R"("")", R"("")"},
                                  {"null", "nil"},
                                  {"1", "refused"},
                                  {"true", "refused"},
                                  {R"(["x"])", "refused"},
                                  {R"("a\u0000b")", "refused"},
                                  {R"({"ruby": "x"})", "refused"}});
}

TEST(Rule, booleans_are_as_in_ruby) {
    expect({.type = type::boolean}, {{"true", "true"},
                                     {"false", "false"},
                                     {"null", "false"},
                                     {R"("no")", "true"},
                                     {"0", "true"},
                                     {R"({"ruby": "x"})", "true"}});
}

TEST(Rule, strict_booleans) {
    expect({.type = type::strict_boolean}, {{"true", "true"},
                                            {R"("true")", "true"},
                                            {R"("false")", "false"},
                                            {R"("yes")", "refused"},
                                            {"1", "refused"},
                                            {"null", "nil"}});
}

TEST(Rule, integers_are_cut_and_limited) {
    expect({.type = type::integer, .least = 1, .most = 65535}, {{"1", "1"},
                                                                {"65535", "65535"},
                                                                {"65535.9", "65535"},
                                                                {"1000.7", "1000"},
                                                                {"0", "refused"},
                                                                {"65536", "refused"},
                                                                {"-1", "refused"},
                                                                {"0.9", "refused"},
                                                                {"1e300", "refused"},
                                                                {"18446744073709551615", "refused"},
                                                                {"99999999999999999999999", "refused"},
                                                                {R"("5")", "refused"},
                                                                {"true", "refused"},
                                                                {"null", "nil"}});
    expect({.type = type::integer, .nil = on_nil::zero, .most = 9}, {{"null", "0"}});
}

TEST(Rule, seconds) {
    expect({.type = type::time, .nil = on_nil::refuse, .most = 10'000}, {{"7", "7.0"},
                                                                         {"4.25", "4.25"},
                                                                         {"0", "0.0"},
                                                                         {"0.0001", "0.001"},
                                                                         {"10", "10.0"},
                                                                         {"10.1", "refused"},
                                                                         {"-0.1", "refused"},
                                                                         {"1e308", "refused"},
                                                                         {R"("7")", "refused"},
                                                                         {"null", "refused"}});
}

TEST(Rule, words_in_any_case) {
    expect({.type = type::word, .words = words}, {{R"("accept")", R"("accept")"},
                                                  {R"("Temporary_Failure")", R"("temporary-failure")"},
                                                  {R"("drop")", "refused"},
                                                  {R"("")", "refused"},
                                                  {"0", "refused"},
                                                  {"null", "nil"}});
}

TEST(Rule, endpoints) {
    expect({.type = type::endpoint}, {{R"("inet:10025@localhost")", R"("inet:10025@localhost")"},
                                      {R"("inet:1@127.0.0.1")", R"("inet:1@127.0.0.1")"},
                                      {R"("local:/x")", R"("local:/x")"},
                                      {R"("foo")", "refused"},
                                      {R"("inet:65536")", "refused"},
                                      {"10025", "refused"},
                                      {"null", "nil"}});
}

TEST(Rule, levels_and_facilities) {
    expect({.type = type::levels}, {{R"("info|error")", R"("error|info")"},
                                    {R"("bogus")", "refused"},
                                    {"3", "refused"},
                                    {"null", "nil"}});
    expect({.type = type::facility, .words = facility_names()},
           {{R"("LOCAL3")", R"("local3")"}, {R"("mail")", R"("mail")"}, {R"("local8")", "refused"}});
}

TEST(Rule, scalars_and_objects) {
    expect({.type = type::scalar}, {{"3306", "3306"},
                                    {R"("3306")", R"("3306")"},
                                    {"1.5", "refused"},
                                    {"true", "refused"},
                                    {"null", "nil"}});
    expect({.type = type::object}, {{R"({"a": 1})", R"("{\"a\":1}")"}, {"[]", "refused"}, {"null", "nil"}});
}

TEST(Rule, macros) {
    expect({.type = type::macros}, {{"{}", "{}"},
                                    {R"({"rcpt": ["{a}", "b"], "connect": "j, v"})",
                                     R"({"connect"=>["j", "v"], "rcpt"=>["{a}", "b"]})"},
                                    {R"({"bogus": ["j"]})", "refused"},
                                    {R"({"connect": 3})", "refused"},
                                    {R"({"connect": ["a b"]})", "refused"},
                                    {R"({"connect": [""]})", "refused"},
                                    {R"(["j"])", "refused"},
                                    {"null", "nil"}});
}

TEST(Rule, conditions_are_names_or_objects_with_a_name) {
    rule const by{.type = type::conditions};
    expect(by, {{"[]", "[]"},
                {"null", "nil"},
                {R"(["S25R"])", R"(["S25R"])"},
                {R"([{"name": "S25R", "condition": 3}])", R"(["S25R"])"},
                {R"("S25R")", "refused"},
                {"[7]", "refused"},
                {R"([{"condition": 3}])", "refused"}});
    EXPECT_EQ(judge(by, boost::json::parse(R"("S25R")")).error(),
              R"(is "S25R"; an array of names of conditions is allowed)");
}

TEST(Rule, a_refusal_says_what_is_wrong_and_what_is_allowed) {
    struct {
        rule by;
        char const* given;
        char const* text;
    } const rows[] = {
        {{.type = type::text}, "1", "is 1; a text, or nil is allowed"},
        {{.type = type::strict_boolean}, R"("yes")", R"(is "yes"; true or false, or nil is allowed)"},
        {{.type = type::integer, .nil = on_nil::refuse, .most = 9},
         "10",
         "is 10; an integer from 0 to 9 is allowed"},
        {{.type = type::mode, .most = 0777}, "512", "is 512; an integer from 0 to 0777, or nil is allowed"},
        {{.type = type::time, .least = 1, .most = 9'000},
         "0",
         "is 0; a number of seconds from 0.001 to 9, or nil is allowed"},
        {{.type = type::word, .words = words},
         "0",
         R"(is 0; one of ["accept", "temporary-failure"], or nil is allowed)"},
        {{.type = type::object}, "[]", "is []; a Hash, or nil is allowed"},
        {{.type = type::scalar}, "[]", "is []; a text or an integer, or nil is allowed"},
    };
    for (auto const& one : rows) {
        auto const judged = judge(one.by, boost::json::parse(one.given));
        ASSERT_FALSE(judged) << one.given;
        EXPECT_EQ(judged.error(), one.text);
    }
}

} // namespace
} // namespace milter::config
