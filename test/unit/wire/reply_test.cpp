#include "wire/reply.hpp"

#include "unit/wire/notation.hpp"

#include <gmock/gmock.h>

#include <set>
#include <vector>

namespace milter::wire::test {
namespace {

struct golden {
    char const* notation;
    reply message;
};

// protocol 18 and one or more for every reply of protocol 2.2.
std::vector<golden> goldens() {
    static std::string const lists = bytes(R"(00 00 00 03 | "{rcpt_mailer} i" 00)");
    return {
        {R"(00 00 00 21 4F | 00 00 00 06 | 00 00 01 01 | 00 10 04 00 | 00 00 00 03 | "{rcpt_mailer} i" 00)",
         negotiated{6, action::add_headers | action::set_macro_lists, step::leading_space | step::skip,
                    lists}},
        {"00 00 00 0D 4F | 00 00 00 02 | 00 00 00 3F | 00 00 00 7F",
         negotiated{2, actions(0x3F), steps(0x7F), {}}},
        {"00 00 00 01 63", decision{answer::go_on}},
        {"00 00 00 01 61", decision{answer::accept}},
        {"00 00 00 01 72", decision{answer::reject}},
        {"00 00 00 01 74", decision{answer::temp_fail}},
        {"00 00 00 01 64", decision{answer::discard}},
        {"00 00 00 01 73", decision{answer::skip}},
        {"00 00 00 01 34", decision{answer::shutdown}},
        {"00 00 00 01 66", decision{answer::conn_fail}},
        {R"(00 00 00 1F 79 "550 5.7.1 100%% unwanted mail" 00)", reply_code{"550 5.7.1 100%% unwanted mail"}},
        {R"(00 00 00 11 79 "451-a" 0D 0A "451 b%%c" 00)", reply_code{"451-a\r\n451 b%%c"}},
        {"00 00 00 01 70", progress{}},
        {R"(00 00 00 0B 68 "X-Foo" 00 "bar" 00)", add_header{"X-Foo", "bar"}},
        {R"(00 00 00 0F 69 7F FF FF FF "X-Foo" 00 "bar" 00)", insert_header{0x7FFFFFFF, "X-Foo", "bar"}},
        {R"(00 00 00 0C 6D 00 00 00 02 "X-Foo" 00 00)", change_header{2, "X-Foo", ""}},
        {R"(00 00 00 0F 6D 00 00 00 01 "X-Foo" 00 "bar" 00)", change_header{1, "X-Foo", "bar"}},
        {R"(00 00 00 08 62 "a" 0D 0A 00 "b" 0D 0A)", replace_body{std::string_view("a\r\n\0b\r\n", 7)}},
        {"00 00 00 01 62", replace_body{}},
        {R"(00 00 00 07 2B "<a@b>" 00)", add_recipient{"<a@b>"}},
        {R"(00 00 00 07 32 "<a@b>" 00)", add_recipient_with_args{"<a@b>", std::nullopt}},
        {R"(00 00 00 14 32 "<a@b>" 00 "NOTIFY=NEVER" 00)", add_recipient_with_args{"<a@b>", "NOTIFY=NEVER"}},
        {R"(00 00 00 08 32 "<a@b>" 00 00)", add_recipient_with_args{"<a@b>", ""}},
        {R"(00 00 00 07 2D "<a@b>" 00)", delete_recipient{"<a@b>"}},
        {R"(00 00 00 04 65 "<>" 00)", change_sender{"<>", std::nullopt}},
        {R"(00 00 00 0D 65 "<>" 00 "RET=HDRS" 00)", change_sender{"<>", "RET=HDRS"}},
        {R"(00 00 00 06 71 "spam" 00)", quarantine{"spam"}},
    };
}

TEST(reply, decodes_the_golden_bytes) {
    for (auto const& [notation, message] : goldens()) {
        auto const packet = bytes(notation);
        auto const result = decode_reply(frame_of(packet));
        ASSERT_TRUE(result) << notation << ": " << describe(result.error());
        EXPECT_TRUE(*result == message) << notation;
    }
}

TEST(reply, encodes_to_the_golden_bytes) {
    std::string all, appended;
    for (auto const& [notation, message] : goldens()) {
        EXPECT_EQ(encoded(message), bytes(notation)) << notation;
        all += bytes(notation);
        encode(appended, message);
    }
    EXPECT_EQ(appended, all);
}

TEST(reply, has_golden_bytes_for_every_alternative) {
    std::set<std::size_t> seen;
    for (auto const& one : goldens())
        seen.insert(one.message.index());
    EXPECT_EQ(seen.size(), std::variant_size_v<reply>);
}

TEST(reply, refuses_packets_that_are_cut_or_have_fields_too_many) {
    struct {
        char code;
        char const* payload;
        error why;
    } const cases[] = {
        // protocol 3.3, 3.4: short payload; truncated macro list
        {'O', "", error::payload_too_short},
        {'O', "00 00 00 06 00 00 01 FF 00 1F FF", error::payload_too_short},
        {'O', "00 00 00 06 00 00 01 FF 00 1F FF FF 00", error::payload_too_short},
        {'O', "00 00 00 06 00 00 01 FF 00 1F FF FF 00 00 00 01", error::missing_nul},
        {'O', R"(00 00 00 06 00 00 01 FF 00 1F FF FF 00 00 00 01 "i")", error::missing_nul},
        {'O', R"(00 00 00 06 00 00 01 FF 00 1F FF FF 00 00 00 01 "i" 00 00)", error::payload_too_short},
        // protocol 10.2-10.4
        {'h', "", error::missing_nul},
        {'h', R"("X")", error::missing_nul},
        {'h', R"("X" 00)", error::missing_nul},
        {'h', R"("X" 00 "value")", error::missing_nul},
        {'h', R"("X" 00 "value" 00 "more")", error::unexpected_data},
        {'i', "", error::payload_too_short},
        {'i', "00 00 00", error::payload_too_short},
        {'i', "00 00 00 01", error::missing_nul},
        {'i', R"(00 00 00 01 "X" 00 "value")", error::missing_nul},
        {'i', R"(00 00 00 01 "X" 00 "value" 00 00)", error::unexpected_data},
        {'m', "00 00 00", error::payload_too_short},
        {'m', R"(00 00 00 01 "X" 00)", error::missing_nul},
        {'m', R"(00 00 00 01 "X" 00 00 00)", error::unexpected_data},
        // protocol 10.6, 10.7
        {'+', "", error::missing_nul},
        {'+', R"("<a@b>")", error::missing_nul},
        {'+', R"("<a@b>" 00 "NOTIFY=NEVER" 00)", error::unexpected_data},
        {'-', R"("<a@b>")", error::missing_nul},
        {'-', R"("<a@b>" 00 00)", error::unexpected_data},
        {'2', R"("<a@b>")", error::missing_nul},
        {'2', R"("<a@b>" 00 "x")", error::missing_nul},
        {'2', R"("<a@b>" 00 "x" 00 "y" 00)", error::unexpected_data},
        {'e', "", error::missing_nul},
        {'e', R"("<a@b>" 00 "x")", error::missing_nul},
        {'e', R"("<a@b>" 00 "x" 00 00)", error::unexpected_data},
        {'q', R"("reason")", error::missing_nul},
        {'q', R"("reason" 00 00)", error::unexpected_data},
    };
    for (auto const& [code, payload, why] : cases) {
        auto const packet = bytes(payload);
        auto const result = decode_reply({code, packet});
        ASSERT_FALSE(result) << code << ' ' << payload;
        EXPECT_EQ(result.error(), why) << code << ' ' << payload;
    }
}

// protocol 2.2: `l` is reserved, nobody may send it.
TEST(reply, refuses_every_letter_that_is_no_reply) {
    int accepted = 0;
    for (int c = 0; c < 256; ++c) {
        auto const code = static_cast<char>(c);
        auto const result = decode_reply({code, {}});
        bool const known = std::string_view("cartdys4fOp+2-ehimbq").find(code) != std::string_view::npos;
        bool const refused = !result && result.error() == error::unknown_code;
        EXPECT_NE(known, refused) << c;
        EXPECT_EQ(known, reply_name(code) != "unknown-letter") << c;
        accepted += known ? 1 : 0;
    }
    EXPECT_EQ(accepted, 20);
}

// protocol 20.7
TEST(reply, tolerates_surplus_on_a_bare_letter) {
    for (char code : std::string_view("cartds4f")) {
        auto const result = decode_reply({code, std::string_view("\0surplus", 8)});
        ASSERT_TRUE(result) << code;
        EXPECT_TRUE(*result == reply(decision{static_cast<answer>(code)})) << code;
    }
    auto const result = decode_reply({'p', "surplus"});
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::holds_alternative<progress>(*result));
}

// protocol 9: a text that no MTA would send is still a refusal, so the text must reach who decides.
TEST(reply, hands_on_an_smtp_reply_however_broken) {
    using namespace std::string_view_literals;
    std::pair<std::string_view, std::string_view> const cases[] = {
        {"550 no\0"sv, "550 no"sv},     {"550 no"sv, "550 no"sv},       {""sv, ""sv}, {"\0"sv, ""sv},
        {"550 a\0b\0"sv, "550 a\0b"sv}, {"550 no\0\0"sv, "550 no\0"sv},
    };
    for (auto const& [payload, text] : cases) {
        auto const result = decode_reply({'y', payload});
        ASSERT_TRUE(result);
        EXPECT_EQ(std::get<reply_code>(*result).text, text);
    }
}

// protocol 3.6
TEST(reply, hands_out_macro_lists_one_by_one) {
    std::string lists;
    append_macro_list(lists, {static_cast<std::uint32_t>(macro_stage::end_of_headers), "i {auth_type}"});
    append_macro_list(lists, {4711, ""});
    auto const packet = encoded(reply(negotiated{6, {}, {}, lists}));
    auto result = decode_reply(frame_of(packet));
    ASSERT_TRUE(result);
    auto& found = std::get<negotiated>(*result);
    EXPECT_EQ(found.next(), (macro_list{6, "i {auth_type}"}));
    EXPECT_EQ(found.next(), (macro_list{4711, ""}));
    EXPECT_EQ(found.next(), std::nullopt);
    EXPECT_EQ(found.next(), std::nullopt);
}

TEST(reply, stops_at_a_cut_macro_list_instead_of_reading_on) {
    auto const cut = bytes(R"(00 00 00 01 "i" 00 00 00 00 02 "j")");
    negotiated broken{6, {}, {}, cut};
    EXPECT_EQ(broken.next(), (macro_list{1, "i"}));
    EXPECT_EQ(broken.next(), std::nullopt);
    EXPECT_EQ(broken.next(), std::nullopt);
}

TEST(reply, keeps_a_nul_in_a_value_from_forging_another_field) {
    using namespace std::string_view_literals;
    EXPECT_EQ(encoded(reply(add_header{"X\0Y"sv, "a\0b"sv})), encoded(reply(add_header{"X", "a"})));
    EXPECT_EQ(encoded(reply(add_recipient{"<a>\0<b>"sv})), encoded(reply(add_recipient{"<a>"})));
    EXPECT_EQ(encoded(reply(change_sender{"<a>", "x\0y"sv})), encoded(reply(change_sender{"<a>", "x"})));
}

TEST(reply, has_the_names_of_the_log) {
    std::pair<char, char const*> const words[] = {
        {'c', "continue"},
        {'a', "accept"},
        {'r', "reject"},
        {'t', "temporary-failure"},
        {'d', "discard"},
        {'s', "skip"},
        {'4', "shutdown"},
        {'f', "connection-failure"},
        {'O', "negotiate"},
        {'y', "reply-code"},
        {'p', "progress"},
        {'h', "add-header"},
        {'i', "insert-header"},
        {'m', "change-header"},
        {'b', "replace-body"},
        {'+', "add-recipient"},
        {'2', "add-recipient-with-parameters"},
        {'-', "delete-recipient"},
        {'e', "change-from"},
        {'q', "quarantine"},
        {'l', "unknown-letter"},
    };
    for (auto const& [code, word] : words)
        EXPECT_EQ(reply_name(code), word);
    EXPECT_EQ(answer_name(answer::temp_fail), "temporary-failure");
    EXPECT_EQ(answer_name(answer::go_on), "continue");
}

} // namespace
} // namespace milter::wire::test
