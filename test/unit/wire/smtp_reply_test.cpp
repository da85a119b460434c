#include "wire/smtp_reply.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace milter::wire::test {
namespace {

using namespace std::string_literals;

std::string many_lines(int count, std::string const& code = "550") {
    std::string result;
    for (int i = 1; i <= count; ++i)
        result += code + (i < count ? "-5.7.1 line\r\n" : " 5.7.1 line");
    return result;
}

// protocol 9: what both Sendmail and Postfix send as it is.
TEST(smtp_reply, keeps_a_valid_text_byte_for_byte) {
    std::pair<std::string, unsigned> const texts[] = {
        {"550 5.7.1 100%% unwanted mail", 550},
        {"451 4.7.1 Greylisted, try later", 451},
        {"550 no", 550},
        {"550 ", 550}, // smfi_setreply without xcode and text
        {"421 4.3.2 closing", 421},
        {"400 x", 400},
        {"599 x", 599},
        {"550-5.7.1 one\r\n550-\r\n550 5.7.1 three", 550},
        {"550-5.7.1 one\r\n550 two", 550},
        {"550 5 letters", 550},
        {"550 5.7.1", 550},
        {"550 caf\xC3\xA9", 550},
        {"550 a\ttab", 550},
        {"550 %%%%", 550},
        {many_lines(32), 550},
        {"550 "s + std::string(980, 'x'), 550},
        {"550 5.7.123 "s + std::string(980, 'x'), 550},
        {"550-"s + std::string(980, 'x') + "\r\n550 end", 550},
    };
    for (auto const& [text, code] : texts) {
        auto const result = smtp_reply::parse(text);
        ASSERT_TRUE(result) << text;
        EXPECT_EQ(result->text(), text);
        EXPECT_EQ(result->code(), code);
        EXPECT_EQ(result->permanent(), code >= 500);
        EXPECT_EQ(result->closes(), code == 421);
    }
}

TEST(smtp_reply, refuses_what_either_mta_would_refuse) { // protocol 9
    std::string const texts[] = {
        "",
        "5",
        "550",
        "250 ok",
        "354 go on",
        "650 x",
        "050 x",
        " 550 x",
        "5x0 x",
        "55x x",
        "550x",
        "550\ttab",
        "550-only line",
        "550_x",
        "550 4.7.1 mismatch",
        "451 5.7.1 mismatch",
        "550 2.0.0 mismatch",
        "550 4 words look like a class", // Postfix takes every digit there for a class
        "550-5.7.1 one\r\n550 4.7.1 two",
        "550 one\r\n550 two",
        "550-one\r\n550-two",
        "550-one\r\n550 two\r\n",
        "550-one\r\n551 two",
        "550-one\r\n450 two",
        "550-one\r\ntwo",
        "550-one\r\n55",
        "550-one\r\n550",
        "550-one\n550 two",
        "550-one\r550 two",
        "550 one\n",
        "550 one\r",
        "550 one\r\n",
        "\r\n550 one",
        "550 100% sure",
        "550 %",
        "550 %%%",
        "550-%\r\n550 %",
        "550-a%\r\n550 %%",
        "550 a\0b"s,
        "550 a\0"s,
        "550\0a"s,
        "550 \x1B[1mbold",
        "550 a\x7F",
        "550 a\x01",
        many_lines(33),
        "550 "s + std::string(981, 'x'),
        "550 5.7.1 "s + std::string(981, 'x'),
        "550 5.7.1234 "s + std::string(975, 'x'),
        "550-"s + std::string(981, 'x') + "\r\n550 end",
    };
    for (auto const& text : texts) {
        auto const result = smtp_reply::parse(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error(), error::bad_smtp_reply);
    }
}

TEST(smtp_reply, makes_a_text_of_code_class_and_words) {
    struct {
        unsigned code;
        char const *enhanced, *text, *made;
    } const cases[] = {
        {550, "5.7.1", "no", "550 5.7.1 no"},
        {451, "4.3.0", "later", "451 4.3.0 later"},
        {421, "", "bye", "421 bye"},
        {550, "", "", "550 "},
        {550, "5.7.1", "", "550 5.7.1"},
        {554, "4.7.1", "class differs", "554 class differs"},
        {554, "5.7", "too short", "554 too short"},
        {554, "5.7.1 ", "a blank", "554 a blank"},
        {554, "5.7.1\r\n250 2.0.0", "forged", "554 forged"},
        {554, "x", "letters", "554 letters"},
        {550, "5.7.1", "100% sure", "550 5.7.1 100%% sure"},
        {550, "", "two\r\nlines\x7F\x01", "550 two??lines??"},
        {550, "", "tab\tand caf\xC3\xA9", "550 tab\tand caf\xC3\xA9"},
        {550, "", "4 of 5 children", "550 5.0.0 4 of 5 children"},
        {450, "", "5 of 5 children", "450 4.0.0 5 of 5 children"},
        {550, "", "5 of 5 children", "550 5 of 5 children"},
        {250, "", "not a refusal", "451 not a refusal"},
        {600, "5.0.0", "no such code", "451 no such code"},
    };
    for (auto const& [code, enhanced, text, made] : cases) {
        auto const result = smtp_reply::make(code, enhanced, text);
        EXPECT_EQ(result.text(), made);
        auto const parsed = smtp_reply::parse(result.text());
        ASSERT_TRUE(parsed) << made;
        EXPECT_EQ(*parsed, result);
    }
    EXPECT_EQ(smtp_reply::make(550, "", "a\0b\0"s).text(), "550 a?b?");
}

TEST(smtp_reply, cuts_a_long_text_without_halving_a_percent_sign) {
    for (std::size_t before : {978U, 979U, 980U, 981U, 5000U}) {
        auto const made = smtp_reply::make(550, "5.7.1", std::string(before, 'x') + "%%%");
        EXPECT_TRUE(smtp_reply::parse(made.text())) << before;
        EXPECT_LE(made.text().size(), 10U + 980U);
        EXPECT_GE(made.text().size(), 10U + 978U);
    }
}

TEST(smtp_reply, is_valid_whatever_it_is_made_of) {
    constexpr unsigned seed = 4711;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::string_view const likely = "%%\r\n45.17 -x\0\xFF";
    auto text = [&](std::size_t limit) {
        std::string result(random() % limit, ' ');
        for (auto& c : result)
            c = random() % 3 == 0 ? static_cast<char>(random()) : likely[random() % likely.size()];
        return result;
    };
    for (int i = 0; i < 20000; ++i) {
        auto const made =
            smtp_reply::make(static_cast<unsigned>(random() % 700), text(8), text(i % 100 == 0 ? 3000 : 40));
        auto const parsed = smtp_reply::parse(made.text());
        ASSERT_TRUE(parsed) << made.text();
        ASSERT_EQ(*parsed, made);
    }
}

} // namespace
} // namespace milter::wire::test
