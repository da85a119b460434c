#include "observe/text.hpp"

#include "observe/keys.hpp"

#include <gmock/gmock.h>

namespace {

using namespace milter::observe;
using namespace std::string_literals;

TEST(escaping, leaves_printable_text_alone) {
    EXPECT_EQ(escaped("plain <text> 100% \"x\""), "plain <text> 100% \"x\"");
    EXPECT_EQ(escaped("Grüße, 日本, 😀"), "Grüße, 日本, 😀");
}

TEST(escaping, lets_nothing_start_a_second_line_or_command_a_terminal) {
    EXPECT_EQ(escaped("a\r\nb"), "a\\r\\nb");
    EXPECT_EQ(escaped("a\0b"s), "a\\0b");
    EXPECT_EQ(escaped("\x1B[31mred"), "\\x1B[31mred");
    EXPECT_EQ(escaped("\t\x7F"), "\\x09\\x7F");
    EXPECT_EQ(escaped("\xC2\x9B"), "\\xC2\\x9B"); // CSI of the C1 controls
    EXPECT_EQ(escaped("back\\slash\\n"), "back\\\\slash\\\\n");
    EXPECT_EQ(escaped("%n%s{}"), "%n%s{}");
}

TEST(escaping, shows_what_ends_a_line_or_turns_it_for_some_readers) {
    EXPECT_EQ(escaped("a\u2028b\u2029c"), "a\\xE2\\x80\\xA8b\\xE2\\x80\\xA9c");
    EXPECT_EQ(escaped("\u202Eabc\u2066"), "\\xE2\\x80\\xAEabc\\xE2\\x81\\xA6");
    EXPECT_EQ(escaped("\u2027\u202F\u2065\u206A"), "\u2027\u202F\u2065\u206A");
}

TEST(escaping, shows_bytes_that_are_not_utf_8) {
    EXPECT_EQ(escaped("\xFF"), "\\xFF");
    EXPECT_EQ(escaped("\xC3"), "\\xC3");                            // cut
    EXPECT_EQ(escaped("\xC3x"), "\\xC3x");                          // cut by another character
    EXPECT_EQ(escaped("\xC0\xAF"), "\\xC0\\xAF");                   // overlong
    EXPECT_EQ(escaped("\xE0\x80\xAF"), "\\xE0\\x80\\xAF");          // overlong
    EXPECT_EQ(escaped("\xED\xA0\x80"), "\\xED\\xA0\\x80");          // surrogate
    EXPECT_EQ(escaped("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80"); // above U+10FFFF
    EXPECT_EQ(escaped("\xE6\x97"), "\\xE6\\x97");
    EXPECT_EQ(escaped("\x80"), "\\x80");
}

std::string text_of(std::initializer_list<field> fields, std::string_view text = {}) {
    return event_text(level::warning, "child_failed", {fields.begin(), fields.size()}, text);
}

TEST(event_line, is_level_name_keys_and_text) {
    EXPECT_EQ(text_of({}), "warning child_failed");
    EXPECT_EQ(text_of({}, "it is gone"), "warning child_failed: it is gone");
    EXPECT_EQ(text_of({{"child", "clamav"}, {"session", "7"}}),
              "warning child_failed child=clamav session=7");
    EXPECT_EQ(text_of({{"child", "clamav"}}, "gone"), "warning child_failed child=clamav: gone");
}

TEST(event_line, quotes_values_that_would_blur_into_their_neighbours) {
    EXPECT_EQ(text_of({{"child", ""}}), "warning child_failed child=\"\"");
    EXPECT_EQ(text_of({{"child", "a b"}}), "warning child_failed child=\"a b\"");
    EXPECT_EQ(text_of({{"child", "a\"b"}}), "warning child_failed child=\"a\\\"b\"");
    EXPECT_EQ(text_of({{"child", "session=9"}}), "warning child_failed child=\"session=9\"");
    EXPECT_EQ(text_of({{"child", "a:"}}, "t"), "warning child_failed child=\"a:\": t");
    EXPECT_EQ(text_of({{"child", "\\\" session=1"}}), "warning child_failed child=\"\\\\\\\" session=1\"");
    EXPECT_EQ(text_of({{"child", "a\nb"}}, "c\nd"), "warning child_failed child=a\\nb: c\\nd");
}

TEST(event_line, cuts_a_value_that_only_a_hostile_mail_has) {
    EXPECT_EQ(text_of({{"sender", std::string(8192, 'x')}}),
              "warning child_failed sender=" + std::string(8192, 'x'));
    EXPECT_EQ(text_of({{"sender", std::string(8193, 'x')}, {"child", "c"}}),
              "warning child_failed sender=\"" + std::string(8192, 'x') + "...(8193 bytes)\" child=c");
}

TEST(event_line, names_every_level) {
    auto const word = [](level at) { return event_text(at, "x", {}, {}); };
    EXPECT_EQ(word(level::critical), "critical x");
    EXPECT_EQ(word(level::error), "error x");
    EXPECT_EQ(word(level::message), "message x");
    EXPECT_EQ(word(level::info), "info x");
    EXPECT_EQ(word(level::debug), "debug x");
    EXPECT_EQ(word(level::trace), "trace x");
    EXPECT_EQ(word(level::statistics), "statistics x");
    EXPECT_EQ(word(level::profile), "profile x");
}

TEST(dictionary_of_keys, knows_its_words_and_no_other) {
    ASSERT_GT(dictionary().size(), 10u);
    for (auto const& one : dictionary()) {
        EXPECT_TRUE(is_key(one.key));
        EXPECT_FALSE(one.meaning.empty());
        EXPECT_THAT(std::string(one.key), testing::MatchesRegex("[a-z_]+"));
    }
    EXPECT_FALSE(is_key("sessions"));
    EXPECT_FALSE(is_key(""));
}

} // namespace
