// What children are offered and how their answers are read.
#include "core/negotiation.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using wire::action;
using wire::step;

wire::negotiate offer(std::uint32_t version, std::uint32_t actions, std::uint32_t steps) {
    return {version, wire::actions(actions), wire::steps(steps)};
}
wire::negotiated answer(std::uint32_t version, std::uint32_t actions, std::uint32_t steps,
                        std::string_view lists = {}) {
    return {version, wire::actions(actions), wire::steps(steps), lists};
}
wire::negotiate const newest = offer(6, 0x1FF, 0x1FFFFF);

TEST(child, is_offered_exactly_what_the_mta_offers) { // chain P2
    wire::negotiate const offers[] = {offer(2, 0x3F, 0x7F),  offer(3, 0x1FF, 0x17F), offer(4, 0x1FF, 0x37F),
                                      offer(6, 0x21, 0),     offer(6, 0xFF, 0x42),   newest,
                                      offer(2, 0x1FF, 0xFF), offer(6, 0, 0),         offer(6, 0, 0x1FFFFF)};
    for (auto const& one : offers)
        EXPECT_EQ(offer_to_child(one), one);
}

TEST(child, is_not_offered_what_nobody_has_defined) { // chain P2
    EXPECT_EQ(offer_to_child(offer(7, 0xFFFFFFFF, 0xFFFFFFFF)), newest);
    EXPECT_EQ(offer_to_child(offer(0xFFFFFFFF, 0x1FF, 0x701FFFFF)), newest); // packet sizes
}

TEST(child, that_answers_a_version_which_was_not_offered_fails) { // chain P7
    for (auto const& [offered, answered] :
         {std::pair{6u, 7u}, {2u, 3u}, {4u, 6u}, {6u, 0u}, {6u, 1u}, {6u, ~0u}}) {
        auto const agreed = read_answer(offer(offered, 0x1FF, 0x1FFFFF), answer(answered, 0, 0));
        ASSERT_FALSE(agreed) << answered << " to " << offered;
        EXPECT_THAT(agreed.error(), testing::HasSubstr(std::to_string(answered)));
    }
    for (std::uint32_t version = 2; version <= 6; ++version)
        EXPECT_EQ(read_answer(newest, answer(version, 0, 0))->version, version);
}

TEST(child, of_an_old_version_opts_out_of_what_that_does_not_know) { // chain P7
    auto const wants = [](std::uint32_t version, stage at) {
        return read_answer(newest, answer(version, 0, 0))->wants(at);
    };
    EXPECT_FALSE(wants(2, stage::unknown));
    EXPECT_FALSE(wants(2, stage::data));
    EXPECT_TRUE(wants(3, stage::unknown));
    EXPECT_FALSE(wants(3, stage::data));
    for (std::uint32_t const version : {4u, 5u, 6u}) {
        EXPECT_TRUE(wants(version, stage::unknown));
        EXPECT_TRUE(wants(version, stage::data));
    }
    // Also where the MTA could not have offered the bit.
    EXPECT_FALSE(read_answer(offer(2, 0x3F, 0x7F), answer(2, 0, 0))->wants(stage::data));
}

TEST(child, keeps_of_its_actions_those_that_were_offered) { // chain P7, protocol 20.6
    auto const agreed = read_answer(offer(6, 0x21, 0), answer(6, 0x1FF, 0));
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->actions, action::add_headers | action::quarantine);
    // Asking for macro lists is no change of the message that would be dropped.
    EXPECT_EQ(agreed->masked.bits() & 0xFFu, 0xDEu);
    EXPECT_TRUE(read_answer(newest, answer(6, 0x1FF, 0))->masked.empty());
}

TEST(child, stays_silent_whether_or_not_that_was_offered) { // chain P7, protocol 17: rspamd
    for (auto const bits :
         {0x80u, 0x1000u, 0x2000u, 0x4000u, 0x8000u, 0x10000u, 0x20000u, 0x40000u, 0x80000u})
        for (auto const offered : {0u, 0x42u, 0x37Fu, 0x1FFFFFu}) {
            auto const agreed = read_answer(offer(6, 0x1FF, offered), answer(6, 0, bits));
            ASSERT_TRUE(agreed);
            EXPECT_EQ(agreed->steps, wire::steps(bits));
        }
    auto const rspamd = read_answer(offer(6, 0xFF, 0x42), answer(6, 0x1FF, 0xFF080));
    for (auto const at : {stage::connect, stage::helo, stage::mail, stage::rcpt, stage::data, stage::unknown,
                          stage::header, stage::end_of_headers, stage::body}) {
        EXPECT_TRUE(rspamd->wants(at));
        EXPECT_FALSE(rspamd->answers(at));
    }
    EXPECT_TRUE(rspamd->answers(stage::end_of_message));
}

TEST(child, has_no_other_step_that_was_not_offered) { // chain P7
    for (auto const one : {step::skip, step::rejected_recipients, step::leading_space, step::no_connect,
                           step::no_body, step::no_data}) {
        EXPECT_TRUE(read_answer(offer(6, 0, 0), answer(6, 0, wire::steps(one).bits()))->steps.empty());
        EXPECT_EQ(read_answer(newest, answer(6, 0, wire::steps(one).bits()))->steps, wire::steps(one));
    }
    auto const all = read_answer(newest, answer(6, 0, 0xFFFFFFFF));
    ASSERT_TRUE(all); // packet sizes and unknown bits are no reason to fail
    EXPECT_EQ(all->steps, wire::all_steps);
}

TEST(child, that_opts_out_of_a_step_neither_wants_nor_answers_it) { // protocol 2.4
    std::pair<stage, std::uint32_t> const bits[] = {{stage::connect, 0x1},
                                                    {stage::helo, 0x2},
                                                    {stage::mail, 0x4},
                                                    {stage::rcpt, 0x8},
                                                    {stage::body, 0x10},
                                                    {stage::header, 0x20},
                                                    {stage::end_of_headers, 0x40},
                                                    {stage::unknown, 0x100},
                                                    {stage::data, 0x200}};
    for (auto const& [at, bit] : bits) {
        auto const agreed = read_answer(newest, answer(6, 0, bit));
        for (auto const& [other, ignored] : bits) {
            EXPECT_EQ(agreed->wants(other), other != at);
            EXPECT_EQ(agreed->answers(other), other != at);
        }
        EXPECT_TRUE(agreed->wants(stage::end_of_message)); // protocol 2.4: never suppressed
        EXPECT_TRUE(agreed->answers(stage::end_of_message));
    }
}

std::string list(std::uint32_t at, std::string_view names) {
    std::string bytes;
    wire::append_macro_list(bytes, {at, names});
    return bytes;
}

TEST(child, asks_for_macros_by_stage) { // protocol 3.6
    auto const lists = list(3, "{rcpt_mailer} i") + list(6, "{a},{b}, c") + list(0, "");
    auto const agreed = read_answer(newest, answer(6, 0x100, 0, lists));
    ASSERT_TRUE(agreed);
    EXPECT_THAT(agreed->macros[3], Optional(ElementsAre("rcpt_mailer", "i")));
    EXPECT_THAT(agreed->macros[6], Optional(ElementsAre("a", "b", "c")));
    EXPECT_THAT(agreed->macros[0], Optional(IsEmpty()));
    for (auto const at : {1u, 2u, 4u, 5u})
        EXPECT_FALSE(agreed->macros[at]) << at;
}

TEST(child, may_ask_for_macros_of_a_stage_that_nobody_knows) { // protocol 3.3, 3.4
    auto const agreed =
        read_answer(newest, answer(6, 0x100, 0, list(2, "i") + list(7, "j") + list(~0u, "k")));
    ASSERT_TRUE(agreed);
    EXPECT_THAT(agreed->macros[2], Optional(ElementsAre("i")));
}

TEST(macro_name, is_bare_without_its_braces) {
    EXPECT_EQ(bare_name("{i}"), "i");
    EXPECT_EQ(bare_name("i"), "i");
    EXPECT_EQ(bare_name("{auth_type}"), "auth_type");
    EXPECT_EQ(bare_name("{"), "{");
    EXPECT_EQ(bare_name("{}"), "");
    EXPECT_EQ(bare_name(""), "");
    EXPECT_EQ(bare_name("{x"), "{x");
}

TEST(default_macros, are_those_of_the_mta) { // protocol 5.4
    using wire::macro_stage;
    EXPECT_THAT(default_macros(macro_stage::connect, mta_kind::postfix),
                ElementsAre("j", "daemon_name", "daemon_addr", "v", "_"));
    EXPECT_THAT(default_macros(macro_stage::connect, mta_kind::sendmail),
                ElementsAre("j", "_", "daemon_name", "if_name", "if_addr"));
    EXPECT_THAT(default_macros(macro_stage::rcpt, mta_kind::sendmail),
                ElementsAre("rcpt_mailer", "rcpt_host", "rcpt_addr"));
    EXPECT_THAT(default_macros(macro_stage::data, mta_kind::sendmail), IsEmpty());
    EXPECT_THAT(default_macros(macro_stage::end_of_message, mta_kind::sendmail), ElementsAre("msg_id"));
    EXPECT_THAT(default_macros(macro_stage::end_of_headers, mta_kind::postfix), ElementsAre("i"));
    // chain P9: both together when the MTA is not known
    for (auto const unknown : {mta_kind::automatic, mta_kind::generic})
        for (std::uint32_t at = 0; at < wire::macro_stage_count; ++at) {
            auto const stage = static_cast<macro_stage>(at);
            auto const both = default_macros(stage, unknown);
            for (auto const one : {mta_kind::postfix, mta_kind::sendmail})
                for (auto const name : default_macros(stage, one))
                    EXPECT_THAT(both, testing::Contains(name));
            EXPECT_EQ(std::set<std::string_view>(both.begin(), both.end()).size(), both.size());
        }
}

} // namespace
} // namespace milter::core::test
