// logs 2, 2.1: what a line looks like on the console and in the file.
#include "observe/console.hpp"

#include "unit/observe/temporary.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace milter::observe;
using namespace std::string_literals;
using milter::test::lines_of;
using milter::test::temporary_folder;

std::chrono::system_clock::time_point const moment{std::chrono::microseconds{1795331511570650}};
std::string const time = "2026-11-22T07:11:51.570650Z";

entry event(std::string_view text = {}, std::span<field const> fields = {}) {
    return {entry::of::event, level::warning, "child_failed", fields, text};
}

std::string shown(std::string_view which, entry const& what = event()) {
    look how;
    how.shown = items::parse(which).value();
    how.pid = 42;
    return console_line(how, what, moment);
}

TEST(console_items, stand_in_front_in_their_order_each_only_if_wanted) {
    EXPECT_EQ(shown("default"), "[" + time + "]: warning child_failed");
    EXPECT_EQ(shown(""), "[" + time + "]: warning child_failed");
    EXPECT_EQ(shown("none"), "warning child_failed");
    EXPECT_EQ(shown("level|time"), "[warning][" + time + "]: warning child_failed");
    EXPECT_EQ(shown("name|pid"), "[milter-manager][42]: warning child_failed");
    EXPECT_EQ(shown("+pid"), "[" + time + "] [42]: warning child_failed");
    EXPECT_EQ(shown("-time"), "warning child_failed");
    EXPECT_EQ(shown("location"), "warning child_failed"); // an event has its name instead
    EXPECT_EQ(shown("all"),
              "[warning][milter-manager][" + time + "] [milter-manager][42]: warning child_failed");
    EXPECT_EQ(shown("none", {entry::of::statistics, level::statistics, "statistics", {}, "[x](1)"}),
              "[x](1)");
    EXPECT_EQ(items::parse("time|bogus").error(), "unknown flag names: [<bogus>](<MilterLogItemFlags>)");
}

TEST(console_colours, go_with_the_level_and_end_with_the_line) {
    look how;
    how.shown = items();
    how.coloured = true;
    auto const shown_as = [&](level at) {
        return console_line(how, {entry::of::line, at, {}, {}, "x"}, moment);
    };
    EXPECT_EQ(shown_as(level::critical), "\x1B[33;41mx\x1B[0m");
    EXPECT_EQ(shown_as(level::error), "\x1B[37;41mx\x1B[0m");
    EXPECT_EQ(shown_as(level::warning), "\x1B[37;43mx\x1B[0m");
    EXPECT_EQ(shown_as(level::message), "\x1B[37;42mx\x1B[0m");
    EXPECT_EQ(shown_as(level::info), "\x1B[37;46mx\x1B[0m");
    EXPECT_EQ(shown_as(level::debug), "\x1B[37;44mx\x1B[0m");
    EXPECT_EQ(shown_as(level::trace), "\x1B[37;45mx\x1B[0m");
    EXPECT_EQ(shown_as(level::statistics), "\x1B[34;47mx\x1B[0m");
    EXPECT_EQ(shown_as(level::profile), "\x1B[32;40mx\x1B[0m");
}

TEST(console_colours, need_a_terminal_that_is_known_for_them) {
    for (auto const* can : {"xterm", "term", "eterm-color", "xterm-256color", "screen", "linux"})
        EXPECT_TRUE(has_colours(can)) << can;
    for (auto const* cannot : {"", "dumb", "vt100", "screen.foo", "xterm-mono"})
        EXPECT_FALSE(has_colours(cannot)) << cannot;
}

TEST(console_colours, are_never_in_a_file_and_only_by_force_in_a_pipe) {
    temporary_folder const folder;
    for (auto const colours : {colouring::automatic, colouring::never, colouring::always}) {
        log_settings settings;
        settings.path = folder / "log";
        settings.colours = colours;
        settings.terminal = "xterm";
        milter::observe::log::open(settings).value()->line(level::error, "x");
        settings.path.clear();
        testing::internal::CaptureStderr();
        milter::observe::log::open(settings).value()->line(level::error, "x");
        auto const captured = testing::internal::GetCapturedStderr();
        EXPECT_EQ(captured.find('\x1B') != captured.npos, colours == colouring::always) << captured;
    }
    for (auto const& line : lines_of(folder / "log"))
        EXPECT_EQ(line.find('\x1B'), line.npos);
}

TEST(console_of_the_journal, is_the_socket_that_the_environment_names) {
    temporary_folder const folder;
    int const file = ::open((folder / "f").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0);
    struct stat is {};
    ASSERT_EQ(::fstat(file, &is), 0);
    EXPECT_TRUE(is_journal(fmt::format("{}:{}", is.st_dev, is.st_ino), file));
    EXPECT_FALSE(is_journal(fmt::format("{}:{}", is.st_dev, is.st_ino + 1), file));
    EXPECT_FALSE(is_journal("", file));
    EXPECT_FALSE(is_journal("x", file));
    ::close(file);
    EXPECT_FALSE(is_journal(fmt::format("{}:{}", is.st_dev, is.st_ino), file));
}

TEST(console_of_the_journal, has_a_priority_and_no_time) {
    look how;
    how.of_journal = true;
    EXPECT_EQ(console_line(how, event("x"), moment), "<4>warning child_failed: x");
    EXPECT_EQ(
        console_line(how, {entry::of::statistics, level::statistics, "statistics", {}, "[x](1)"}, moment),
        "<5>[x](1)");
    how.shown = items::parse("level|time").value();
    EXPECT_EQ(console_line(how, event("x"), moment), "<4>[warning]: warning child_failed: x");
    how.format = log_format::json;
    EXPECT_THAT(console_line(how, event("x"), moment), testing::StartsWith("<4>{\"time\":"));
}

std::string json(entry const& what) {
    look how;
    how.format = log_format::json;
    return console_line(how, what, moment);
}

TEST(json_line, has_the_keys_of_the_text_beside_time_level_and_event) {
    field const fields[] = {{"session", "7"}, {"child", "virus scan"}};
    EXPECT_EQ(
        json(event("it is gone", fields)),
        "{\"time\":\"" + time +
            "\",\"level\":\"warning\",\"event\":\"child_failed\",\"session\":\"7\",\"child\":\"virus scan\","
            "\"text\":\"it is gone\"}");
    EXPECT_EQ(json({entry::of::statistics, level::statistics, "statistics", {}, "[session][end](1)"}),
              "{\"time\":\"" + time +
                  "\",\"level\":\"statistics\",\"event\":\"statistics\",\"text\":\"[session][end](1)\"}");
    EXPECT_EQ(json({entry::of::line, level::info, {}, {}, "x"}),
              "{\"time\":\"" + time + "\",\"level\":\"info\",\"text\":\"x\"}");
}

TEST(json_line, is_harmless_whatever_a_value_holds) {
    field const fields[] = {{"sender", "a\"b\\c\r\n\0\x1B[31m\xFF\xE2\x80\xA8\x7F"s}};
    EXPECT_EQ(json(event({}, fields)),
              "{\"time\":\"" + time +
                  "\",\"level\":\"warning\",\"event\":\"child_failed\",\"sender\":\"a\\\"b\\\\\\\\c\\\\r\\\\n"
                  "\\\\0\\\\x1B[31m\\\\xFF\\\\xE2\\\\x80\\\\xA8\\\\x7F\"}");
}

TEST(log_change, changes_the_format_of_the_same_file) {
    temporary_folder const folder;
    log_settings settings;
    settings.path = folder / "log";
    auto const to = milter::observe::log::open(settings).value();
    to->statistics("[x](1)");
    settings.format = log_format::json;
    ASSERT_TRUE(to->change(settings));
    to->statistics("[x](1)");
    to->reopen();
    to->event(level::warning, "child_failed", {});
    EXPECT_THAT(lines_of(folder / "log"),
                testing::ElementsAre(testing::StartsWith("[2"), testing::StartsWith("{\"time\":"),
                                     testing::EndsWith("\"event\":\"child_failed\"}")));
}

} // namespace
