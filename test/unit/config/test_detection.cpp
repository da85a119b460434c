// What of the evaluator's account of detection is kept, warned of and printed (detection 10).
#include "config/detection.hpp"
#include "config/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

namespace milter::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char enabled[] = R"({"name": "a", "detector": "DebianDetector", "location": "d.conf:1",
    "outcome": "enabled", "why": "it is", "connection_spec": "unix:/a", "spec_from": "/etc/a:2", "warning": null,
    "looked_at": [{"path": "/etc/a", "found": true}, {"path": "/etc/b", "found": false}]})";
constexpr char skipped[] = R"({"name": "b", "detector": "DebianDetector", "location": "d.conf:2",
    "outcome": "skipped", "why": "/etc/b:1: wrong", "connection_spec": null, "spec_from": null,
    "warning": "/etc/b:1: wrong", "looked_at": []})";

snapshot read(std::string const& detection, std::string const& milters = "[]") {
    auto const text = fmt::format(R"({{"detection": [{}], "milters": {}}})", detection, milters);
    auto parsed = parse(text, "x.json", {});
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().front().text());
    return std::move(*parsed);
}

TEST(detection, is_printed_as_a_paragraph_for_each_candidate) {
    auto const what =
        read(std::string(enabled) + ", " + skipped, R"([{"name": "a", "connection_spec": "unix:/a"}])");
    EXPECT_EQ(explain_detection(what), "a: enabled\n"
                                       "    why        it is\n"
                                       "    socket     unix:/a (/etc/a:2)\n"
                                       "    asked at   d.conf:1 (DebianDetector)\n"
                                       "    looked at  /etc/a\n"
                                       "               no /etc/b\n"
                                       "\n"
                                       "b: skipped\n"
                                       "    why        /etc/b:1: wrong\n"
                                       "    asked at   d.conf:2 (DebianDetector)\n");
}

TEST(detection, says_what_the_configuration_changed_of_it) {
    auto const line_of = [](std::string const& milters) { return explain_detection(read(enabled, milters)); };
    EXPECT_THAT(line_of("[]"), HasSubstr("in force   removed by the configuration\n"));
    EXPECT_THAT(line_of(R"([{"name": "a", "enabled": false, "connection_spec": "unix:/a",
                             "locations": {"enabled": "l.conf:3"}}])"),
                HasSubstr("in force   disabled by l.conf:3\n"));
    EXPECT_THAT(line_of(R"([{"name": "a", "connection_spec": "unix:/other", "enabled": false,
                             "locations": {"enabled": "l.conf:3", "connection_spec": "l.conf:4"}}])"),
                HasSubstr("in force   disabled by l.conf:3, socket unix:/other by l.conf:4\n"));
    EXPECT_THAT(line_of(R"([{"name": "a", "connection_spec": "unix:/a"}])"), Not(HasSubstr("in force")));
}

TEST(detection, warns_of_each_candidate_that_was_skipped) {
    EXPECT_THAT(detection_warnings(read(skipped)), ElementsAre("/etc/b:1: wrong; b takes no part"));
    EXPECT_THAT(detection_warnings(read(enabled, R"([{"name": "a", "connection_spec": "unix:/a"}])")),
                IsEmpty());
}

TEST(detection, that_looked_for_nothing_says_so) {
    EXPECT_THAT(explain_detection(read("")), HasSubstr("Nothing was looked for"));
}

TEST(detection, of_another_shape_is_a_complaint) {
    for (auto const* text :
         {R"({"detection": 1})", R"({"detection": [1]})", R"({"detection": [{}]})",
          R"({"detection": [{"name": "a", "outcome": "enabled"}]})",
          R"({"detection": [{"name": "a", "outcome": "enabled", "looked_at": [1]}]})",
          R"({"detection": [{"name": "a", "outcome": "enabled", "looked_at": [{"path": "/a"}]}]})"}) {
        auto const parsed = parse(text, "x.json", {});
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().front().text(),
                  "x.json: \"detection\" has another shape than expected; leave it away");
    }
}

} // namespace
} // namespace milter::config
