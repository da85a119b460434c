#include "observe/log.hpp"

#include "unit/observe/temporary.hpp"

#include <ctime>
#include <set>
#include <thread>

#include <gmock/gmock.h>

namespace {

using namespace milter::observe;
using milter::test::lines_of;
using milter::test::temporary_folder;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

std::unique_ptr<milter::observe::log> open_log(log_settings const& settings) {
    auto opened = milter::observe::log::open(settings);
    if (!opened) throw std::runtime_error(opened.error());
    return std::move(*opened);
}

TEST(log_file, has_a_utc_stamp_with_microseconds_before_each_line) {
    ::setenv("TZ", "Asia/Tokyo", 1);
    ::tzset();
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "log"});
    auto const before = std::time(nullptr);
    to->line(level::error, "TEXT");
    auto const lines = lines_of(folder / "log");
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(
        lines[0],
        MatchesRegex("\\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z\\]: TEXT"));
    std::tm stamp{};
    ASSERT_NE(::strptime(lines[0].c_str(), "[%Y-%m-%dT%H:%M:%S", &stamp), nullptr);
    auto const written = ::timegm(&stamp);
    EXPECT_GE(written, before);
    EXPECT_LE(written, std::time(nullptr));
}

TEST(log_file, holds_events_statistics_and_lines_escaped) {
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "log"});
    to->event(level::warning, "child_failed", {{"child", "a\nb"}}, "100%n {}");
    to->statistics("[session][end][end-of-message][pass][0.0058](1)");
    to->statistics("[milter][header][add](2): <X>=<a\n b>: m");
    to->line(level::message, "one\ntwo");
    EXPECT_THAT(lines_of(folder / "log"),
                ElementsAre(EndsWith("Z]: warning child_failed child=a\\nb: 100%n {}"),
                            EndsWith("Z]: [session][end][end-of-message][pass][0.0058](1)"),
                            EndsWith("Z]: [milter][header][add](2): <X>=<a\\n b>: m"),
                            EndsWith("Z]: one\\ntwo")));
}

TEST(log_file, leaves_out_levels_that_are_not_wanted) {
    temporary_folder const folder;
    auto const to = open_log({.console = *levels::parse("error"), .path = folder / "log"});
    EXPECT_FALSE(to->wants(level::info));
    EXPECT_TRUE(to->wants(level::error));
    to->line(level::info, "no");
    to->statistics("no");
    to->event(level::warning, "no", {});
    to->set_levels(*levels::parse("info"));
    to->line(level::info, "yes");
    to->line(level::error, "no");
    EXPECT_THAT(lines_of(folder / "log"), ElementsAre(EndsWith(": yes")));
}

TEST(log_file, is_appended_to) {
    temporary_folder const folder;
    open_log({.path = folder / "log"})->line(level::error, "first");
    open_log({.path = folder / "log"})->line(level::error, "second");
    EXPECT_THAT(lines_of(folder / "log"), ElementsAre(EndsWith("first"), EndsWith("second")));
}

TEST(log_file, is_a_new_one_after_reopen) {
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "log"});
    to->line(level::error, "before");
    std::filesystem::rename(folder / "log", folder / "log.1");
    to->line(level::error, "still the old file");
    to->reopen();
    to->line(level::error, "after");
    EXPECT_THAT(lines_of(folder / "log.1"), ElementsAre(EndsWith("before"), EndsWith("still the old file")));
    EXPECT_THAT(lines_of(folder / "log"), ElementsAre(EndsWith("after")));
}

TEST(log_file, stays_the_old_one_when_reopen_fails_and_says_so) {
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "log"});
    std::filesystem::rename(folder / "log", folder / "log.1");
    std::filesystem::create_directory(folder / "log");
    to->reopen();
    to->line(level::error, "after");
    auto const lines = lines_of(folder / "log.1");
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_THAT(lines[0], HasSubstr("warning log_reopen_failed file="));
    EXPECT_THAT(lines[1], EndsWith("after"));
}

TEST(log_file, that_cannot_be_opened_is_an_error_that_names_it) {
    temporary_folder const folder;
    std::filesystem::create_directory(folder / "log");
    auto const opened = milter::observe::log::open({.path = folder / "log"});
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error(), HasSubstr(folder / "log"));
}

TEST(log_file, keeps_lines_of_many_threads_whole) {
    constexpr int threads = 8;
    constexpr int lines_each = 500;
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "log"});
    {
        std::vector<std::jthread> writers;
        for (int number = 0; number < threads; ++number)
            writers.emplace_back([&, number] {
                for (int line = 0; line < lines_each; ++line) {
                    to->line(level::error, std::to_string(number) + "-" + std::to_string(line) + " " +
                                               std::string(200, static_cast<char>('a' + number)) + ".");
                    if (line % 100 == 50) to->reopen();
                }
            });
    }
    std::set<std::string> seen;
    for (auto const& line : lines_of(folder / "log")) {
        ASSERT_THAT(line, MatchesRegex("\\[[^]]+Z\\]: [0-9]-[0-9]+ (a+|b+|c+|d+|e+|f+|g+|h+)\\."));
        ASSERT_EQ(line.size(), line.find(' ', 31) + 1 + 200 + 1) << line;
        seen.insert(line.substr(line.find("]: ")));
    }
    EXPECT_EQ(seen.size(), std::size_t{threads} * lines_each);
}

TEST(log_change, moves_to_another_file_with_other_levels) {
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "one"});
    to->line(level::error, "before");
    ASSERT_TRUE(to->change({.console = *levels::parse("info"), .path = folder / "two"}));
    to->line(level::error, "not wanted");
    to->line(level::info, "after");
    to->reopen();
    to->line(level::info, "reopened");
    EXPECT_THAT(lines_of(folder / "one"), ElementsAre(EndsWith("before")));
    EXPECT_THAT(lines_of(folder / "two"), ElementsAre(EndsWith("after"), EndsWith("reopened")));
}

TEST(log_change, to_a_file_that_cannot_be_opened_changes_nothing) {
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "one"});
    std::filesystem::create_directory(folder / "two");
    auto const failed = to->change({.console = levels::all(), .path = folder / "two"});
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error(), HasSubstr(folder / "two"));
    to->line(level::info, "not wanted");
    to->line(level::error, "here");
    EXPECT_THAT(lines_of(folder / "one"), ElementsAre(EndsWith("here")));
}

TEST(log_change, loses_no_line_of_threads_that_write) {
    constexpr int threads = 4;
    constexpr int lines_each = 500;
    temporary_folder const folder;
    auto const to = open_log({.path = folder / "0"});
    {
        std::vector<std::jthread> writers;
        for (int number = 0; number < threads; ++number)
            writers.emplace_back([&] {
                for (int line = 0; line < lines_each; ++line)
                    to->line(level::error, "a line");
            });
        for (int change = 0; change < 200; ++change)
            ASSERT_TRUE(to->change({.path = folder / std::to_string(change % 3),
                                    .use_syslog = change % 2 == 0,
                                    .syslog_path = folder / "nobody"}));
    }
    EXPECT_EQ(lines_of(folder / "0").size() + lines_of(folder / "1").size() + lines_of(folder / "2").size(),
              std::size_t{threads} * lines_each);
}

TEST(log_console, is_stderr_without_a_path_and_stdout_for_a_dash) {
    testing::internal::CaptureStderr();
    open_log({})->line(level::error, "to stderr");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), EndsWith("Z]: to stderr\n"));
    testing::internal::CaptureStdout();
    open_log({.path = "-"})->line(level::error, "to stdout");
    EXPECT_THAT(testing::internal::GetCapturedStdout(), EndsWith("Z]: to stdout\n"));
}

} // namespace
