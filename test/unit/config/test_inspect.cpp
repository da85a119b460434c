#include "config/inspect.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace milter::config {
namespace {

using namespace std::string_view_literals;

TEST(Inspect, text_as_ruby_writes_it) {
    EXPECT_EQ(inspect("plain"sv), R"("plain")");
    EXPECT_EQ(inspect("a \"b\" \\ c"sv), R"("a \"b\" \\ c")");
    EXPECT_EQ(inspect("\n\t\r\a\b\v\f\x1b\x01\x7f"sv), R"("\n\t\r\a\b\v\f\e\u0001\u007F")");
    EXPECT_EQ(inspect("#{x} #$y #@z # #"sv), R"("\#{x} \#$y \#@z # #")");
    EXPECT_EQ(inspect("\xc3\xa9"sv), "\"\xc3\xa9\"");
    EXPECT_EQ(inspect("\0"sv), R"("\u0000")");
}

TEST(Inspect, values) {
    EXPECT_EQ(inspect(value{}), "nil");
    EXPECT_EQ(inspect(value{true}), "true");
    EXPECT_EQ(inspect(value{std::int64_t{-12}}), "-12");
    EXPECT_EQ(inspect(value{milliseconds(297'000)}), "297.0");
    EXPECT_EQ(inspect(value{milliseconds(4'250)}), "4.25");
    EXPECT_EQ(inspect(value{milliseconds(1)}), "0.001");
    EXPECT_EQ(inspect(value{milliseconds(10'100)}), "10.1");
    EXPECT_EQ(inspect(value{macro_lists{}}), "{}");
    EXPECT_EQ(inspect(value{macro_lists{{wire::macro_stage::end_of_message, {"i", "{x}"}}}}),
              R"({"end_of_message"=>["i", "{x}"]})");
    EXPECT_EQ(inspect(value{names{"a", "b"}}), R"(["a", "b"])");
}

TEST(Inspect, json_for_complaints_is_one_short_line) {
    EXPECT_EQ(inspect(boost::json::parse("null")), "nil");
    EXPECT_EQ(inspect(boost::json::parse(R"("a\nb")")), R"("a\nb")");
    EXPECT_EQ(inspect(boost::json::parse("1.5")), "1.5");
    EXPECT_EQ(inspect(boost::json::parse(R"({"ruby": "#<Object>\nx"})")), "#<Object> x");
    EXPECT_EQ(inspect(boost::json::parse(R"([1, {"a": true}])")), R"([1,{"a":true}])");
    auto const longest = inspect(boost::json::value(std::string(1000, 'x')));
    EXPECT_EQ(longest.size(), 203U);
    EXPECT_TRUE(longest.ends_with("..."));
}

TEST(Inspect, a_cut_is_never_inside_a_character) {
    std::string text = "x";
    for (int i = 0; i < 200; ++i)
        text += "\xc3\xa9";
    auto const cut = inspect(boost::json::value(text));
    EXPECT_TRUE(cut.ends_with("\xc3\xa9...")) << cut;
}

TEST(Inspect, stages_have_one_name_and_older_ones_are_understood) {
    for (std::uint32_t i = 0; i < wire::macro_stage_count; ++i) {
        auto const stage = static_cast<wire::macro_stage>(i);
        EXPECT_EQ(stage_by_name(stage_name(stage)), stage);
    }
    EXPECT_EQ(stage_by_name("envelope-from"), wire::macro_stage::mail);
    EXPECT_EQ(stage_by_name("end-of-header"), wire::macro_stage::end_of_headers);
    EXPECT_EQ(stage_by_name("body"), std::nullopt);
}

} // namespace
} // namespace milter::config
