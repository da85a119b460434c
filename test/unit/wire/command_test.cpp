#include "wire/command.hpp"

#include "unit/wire/notation.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <set>
#include <vector>

namespace milter::wire::test {
namespace {

using ::testing::ElementsAre;

struct golden {
    char const* notation;
    command message;
};

strings list(char const* notation) {
    static std::vector<std::unique_ptr<std::string>> kept;
    return strings(*kept.emplace_back(std::make_unique<std::string>(bytes(notation))));
}

// protocol 18, and one or more for every command of protocol 2.1.
std::vector<golden> goldens() {
    return {
        {"00 00 00 0D 4F | 00 00 00 06 | 00 00 01 FF | 00 1F FF FF", negotiate{6, all_actions, all_steps}},
        {"00 00 00 0D 4F | 00 00 00 02 | 00 00 00 3F | 00 00 00 7F",
         negotiate{2, actions(0x3F), steps_of_version(2)}},
        {"00 00 00 0D 4F | 00 00 00 06 | 00 00 00 21 | F0 00 00 42",
         negotiate{6, action::add_headers | action::quarantine, steps(0xF0000042)}},
        {R"(00 00 00 0A 44 4D "i" 00 "4bXyz" 00)", macros{'M', list(R"("i" 00 "4bXyz" 00)")}},
        {R"(00 00 00 16 44 43 "j" 00 "mx" 00 "{daemon_name}" 00 00)",
         macros{'C', list(R"("j" 00 "mx" 00 "{daemon_name}" 00 00)")}},
        {"00 00 00 02 44 42", macros{'B', {}}},
        {R"(00 00 00 1B 43 "mail.example" 00 34 61 A8 "192.0.2.1" 00)",
         connect{"mail.example", '4', 25000, "192.0.2.1"}},
        {R"(00 00 00 18 43 "h" 00 36 00 00 "IPv6:2001:db8::25" 00)",
         connect{"h", '6', 0, "IPv6:2001:db8::25"}},
        {R"(00 00 00 11 43 "localhost" 00 4C 00 00 "/s" 00)", connect{"localhost", 'L', 0, "/s"}},
        {R"(00 00 00 0A 43 "unknown" 00 55)", connect{"unknown", 'U', 0, {}}},
        {R"(00 00 00 06 43 00 34 FF FF 00)", connect{"", '4', 65535, ""}},
        {R"(00 00 00 0E 48 "mail.example" 00)", helo{"mail.example"}},
        {R"(00 00 00 02 48 00)", helo{""}},
        {R"(00 00 00 1F 4D "<a@b>" 00 "SIZE=123" 00 "BODY=8BITMIME" 00 00)",
         mail{"<a@b>", list(R"("SIZE=123" 00 "BODY=8BITMIME" 00 00)")}},
        {"00 00 00 02 4D 00", mail{"", {}}},
        {R"(00 00 00 07 52 "<c@d>" 00)", rcpt{"<c@d>", {}}},
        {R"(00 00 00 14 52 "<c@d>" 00 "NOTIFY=NEVER" 00)", rcpt{"<c@d>", list(R"("NOTIFY=NEVER" 00)")}},
        {"00 00 00 01 54", data{}},
        {R"(00 00 00 11 4C "Subject" 00 "a" 0A 09 "long" 00)", header{"Subject", "a\n\tlong"}},
        {R"(00 00 00 04 4C "X" 00 00)", header{"X", ""}},
        {"00 00 00 01 4E", end_of_headers{}},
        {R"(00 00 00 09 42 "a" 0D 0A 00 FF "b" 0D 0A)", body{std::string_view("a\r\n\0\xFF"
                                                                              "b\r\n",
                                                                              8)}},
        {"00 00 00 01 45", end_of_message{}},
        {"00 00 00 01 41", wire::abort{}},
        {"00 00 00 01 51", quit{}},
        {"00 00 00 01 4B", quit_new_connection{}},
        {R"(00 00 00 08 55 "XFOO 1" 00)", unknown{"XFOO 1"}},
    };
}

TEST(command, decodes_the_golden_bytes) {
    for (auto const& [notation, message] : goldens()) {
        auto const packet = bytes(notation);
        auto const result = decode_command(frame_of(packet));
        ASSERT_TRUE(result) << notation << ": " << describe(result.error());
        EXPECT_TRUE(*result == message) << notation;
        EXPECT_EQ(oddity(frame_of(packet)), std::nullopt) << notation;
    }
}

TEST(command, encodes_to_the_golden_bytes) {
    std::string all;
    for (auto const& [notation, message] : goldens()) {
        auto const packet = bytes(notation);
        EXPECT_EQ(encoded(message), packet) << notation;
        all += packet;
    }
    std::string appended;
    for (auto const& one : goldens())
        encode(appended, one.message);
    EXPECT_EQ(appended, all);
}

TEST(command, has_golden_bytes_for_every_alternative) {
    std::set<std::size_t> seen;
    for (auto const& one : goldens())
        seen.insert(one.message.index());
    EXPECT_EQ(seen.size(), std::variant_size_v<command>);
}

// Payloads that a libmilter hangs up at (protocol 3.5, 4.1-4.9).
TEST(command, refuses_what_a_libmilter_would_hang_up_at) {
    struct {
        char code;
        char const* payload;
        error why;
    } const cases[] = {
        {'O', "", error::payload_too_short},
        {'O', "00 00 00 06 00 00 01 FF 00 1F FF", error::payload_too_short},
        {'D', "", error::payload_too_short},
        {'D', R"("M" "i" 00 "value")", error::missing_nul},
        {'C', "", error::missing_nul},
        {'C', R"("host")", error::missing_nul},
        {'C', R"("host" 00)", error::payload_too_short},
        {'C', R"("host" 00 "4")", error::payload_too_short},
        {'C', R"("host" 00 "4" 00)", error::payload_too_short},
        {'C', R"("host" 00 "4" 00 19)", error::missing_nul},
        {'C', R"("host" 00 "4" 00 19 "192.0.2.1")", error::missing_nul},
        {'C', R"("host" 00 "X" 00 19 "192.0.2.1" 00)", error::bad_family},
        {'C', R"("host" 00 00 00 19 "192.0.2.1" 00)", error::bad_family},
        {'H', "", error::missing_nul},
        {'H', R"("host")", error::missing_nul},
        {'M', "", error::missing_nul},
        {'M', R"("<a@b>")", error::missing_nul},
        {'M', R"("<a@b>" 00 "SIZE=1")", error::missing_nul},
        {'R', "", error::missing_nul},
        {'R', R"("<a@b>" 00 "SIZE=1")", error::missing_nul},
        {'L', "", error::missing_nul},
        {'L', R"("Subject")", error::missing_nul},
        {'L', R"("Subject" 00)", error::missing_nul},
        {'L', R"("Subject" 00 "hello")", error::missing_nul},
        {'B', "", error::payload_too_short},
        {'U', "", error::missing_nul},
        {'U', R"("XFOO")", error::missing_nul},
    };
    for (auto const& [code, payload, why] : cases) {
        auto const packet = bytes(payload);
        auto const result = decode_command({code, packet});
        ASSERT_FALSE(result) << code << ' ' << payload;
        EXPECT_EQ(result.error(), why) << code << ' ' << payload;
        EXPECT_EQ(oddity({code, packet}), std::nullopt) << "an error is not also an oddity";
    }
}

TEST(command, refuses_every_letter_that_is_no_command) {
    int accepted = 0;
    for (int c = 0; c < 256; ++c) {
        auto const code = static_cast<char>(c);
        auto const result = decode_command({code, {}});
        bool const known = std::string_view("ODCHMRTLNBEAQKU").find(code) != std::string_view::npos;
        bool const refused = !result && result.error() == error::unknown_code;
        EXPECT_NE(known, refused) << c;
        EXPECT_EQ(known, command_name(code) != "unknown-letter") << c;
        accepted += known ? 1 : 0;
    }
    EXPECT_EQ(accepted, 15);
}

// protocol 19.1, 4.8
TEST(command, leaves_surplus_out_and_tells_the_log) {
    struct {
        char code;
        char const* payload;
        command message;
    } const cases[] = {
        {'O', "00 00 00 06 00 00 00 01 00 00 00 02 AA BB", negotiate{6, actions(1), steps(2)}},
        {'C', R"("h" 00 "U" 00 19 "addr" 00)", connect{"h", 'U', 0, {}}},
        {'C', R"("h" 00 "4" 00 19 "1.2.3.4" 00 "more" 00)", connect{"h", '4', 25, "1.2.3.4"}},
        {'H', R"("a" 00 "b" 00)", helo{"a"}},
        {'L', R"("a" 00 "b" 00 "c")", header{"a", "b"}},
        {'T', R"("x")", data{}},
        {'N', "00", end_of_headers{}},
        {'A', "00", wire::abort{}},
        {'Q', R"("bye")", quit{}},
        {'K', "00", quit_new_connection{}},
        {'U', R"("A" 00 "B" 00)", unknown{"A"}},
    };
    for (auto const& [code, payload, message] : cases) {
        auto const packet = bytes(payload);
        auto const result = decode_command({code, packet});
        ASSERT_TRUE(result) << code << ' ' << payload;
        EXPECT_TRUE(*result == message) << code << ' ' << payload;
        EXPECT_EQ(oddity({code, packet}), error::unexpected_data) << code << ' ' << payload;
    }
}

// protocol 4.8, 19.9
TEST(command, keeps_the_data_of_an_end_of_message_and_never_sends_any) {
    auto const result = decode_command({'E', "last bytes"});
    ASSERT_TRUE(result);
    EXPECT_EQ(std::get<end_of_message>(*result).bytes, "last bytes");
    EXPECT_EQ(encoded(*result), bytes("00 00 00 01 45"));
}

// protocol 5.1
TEST(command, drops_a_last_macro_name_without_a_value) {
    auto const packet = bytes(R"("M" "i" 00 "4bXyz" 00 "{orphan}" 00)");
    auto const result = decode_command({'D', packet});
    ASSERT_TRUE(result);
    EXPECT_EQ(std::get<macros>(*result).pairs.bytes(), bytes(R"("i" 00 "4bXyz" 00)"));
    EXPECT_EQ(oddity({'D', packet}), error::odd_macro);

    auto const lonely = bytes(R"("M" "i" 00)");
    auto const repaired = decode_command({'D', lonely});
    ASSERT_TRUE(repaired);
    EXPECT_TRUE(*repaired == command(macros{'M', {}}));
    EXPECT_EQ(oddity({'D', lonely}), error::odd_macro);
}

// protocol 5.1
TEST(command, hands_out_macros_in_pairs) {
    auto const packet = bytes(R"("C" "j" 00 "mx.example" 00 "{empty}" 00 00 00 "nameless" 00)");
    auto result = decode_command({'D', packet});
    ASSERT_TRUE(result);
    auto& found = std::get<macros>(*result);
    EXPECT_EQ(found.for_command, 'C');
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    while (auto pair = found.next())
        pairs.push_back(*pair);
    EXPECT_THAT(pairs, ElementsAre(std::pair("j", "mx.example"), std::pair("{empty}", ""),
                                   std::pair("", "nameless")));
    EXPECT_EQ(found.next(), std::nullopt);
}

TEST(command, hands_out_strings_one_by_one) {
    std::string packed;
    append_string(packed, "one");
    append_string(packed, "");
    append_string(packed, "three");
    strings list(packed);
    EXPECT_EQ(list.next(), "one");
    EXPECT_EQ(list.next(), "");
    EXPECT_FALSE(list.empty());
    EXPECT_EQ(list.next(), "three");
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.next(), std::nullopt);
    EXPECT_EQ(list.next(), std::nullopt);
}

// protocol 4.7
TEST(command, never_encodes_an_empty_body) {
    EXPECT_EQ(encoded(command(body{})), "");
}

TEST(command, keeps_a_nul_in_a_value_from_forging_another_field) {
    using namespace std::string_view_literals;
    EXPECT_EQ(encoded(command(header{"X\0Y"sv, "a\0Z\0"sv})), encoded(command(header{"X", "a"})));
    EXPECT_EQ(encoded(command(helo{"a\0b"sv})), encoded(command(helo{"a"})));
    EXPECT_EQ(encoded(command(mail{"<a>\0SIZE=1"sv, {}})), encoded(command(mail{"<a>", {}})));
    std::string packed;
    append_string(packed, "one\0two"sv);
    EXPECT_EQ(packed, "one\0"sv);
}

// The words of the log's STATE.
TEST(command, has_the_names_of_the_log) {
    std::pair<char, char const*> const words[] = {
        {'O', "negotiate"},      {'D', "define-macro"},
        {'C', "connect"},        {'H', "helo"},
        {'M', "envelope-from"},  {'R', "envelope-recipient"},
        {'T', "data"},           {'L', "header"},
        {'N', "end-of-header"},  {'B', "body"},
        {'E', "end-of-message"}, {'A', "abort"},
        {'Q', "quit"},           {'K', "quit-new-connection"},
        {'U', "unknown"},        {'!', "unknown-letter"},
    };
    for (auto const& [code, word] : words)
        EXPECT_EQ(command_name(code), word);
}

// protocol 2.1, the column "reply?"
TEST(command, wants_a_reply_to_all_but_macros_abort_and_quit) {
    for (char code : std::string_view("OCHMRTLNBEU"))
        EXPECT_TRUE(wants_reply(code)) << code;
    for (char code : std::string_view("DAQK\0z", 6))
        EXPECT_FALSE(wants_reply(code)) << code;
}

} // namespace
} // namespace milter::wire::test
