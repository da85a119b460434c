// The macros of the MTA: what is kept, for how long, and what of them each child is given.
#include "core/macros.hpp"

#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using pairs = std::vector<std::pair<std::string, std::string>>;

std::string bytes_of(pairs const& all) {
    std::string bytes;
    for (auto const& [name, value] : all)
        bytes.append(name).append(1, '\0').append(value).append(1, '\0');
    return bytes;
}

// Stores a packet as it is taken off the wire.
void store(macro_store& into, char letter, std::string const& payload) {
    std::string const whole = letter + payload;
    auto const command = wire::decode_command({wire::macros::code, whole});
    ASSERT_TRUE(command);
    into.store(std::get<wire::macros>(*command));
}
void store(macro_store& into, char letter, pairs const& all) {
    store(into, letter, bytes_of(all));
}

child_agreement without_lists() {
    child_agreement one;
    one.version = 6;
    return one;
}
child_agreement with_list(wire::macro_stage at, std::string const& names) {
    std::string list;
    wire::append_macro_list(list, {static_cast<std::uint32_t>(at), names});
    return *read_answer({}, {6, wire::action::set_macro_lists, {}, list});
}
void set_lists(macro_store& store, std::vector<child_agreement> const& children,
               mta_kind assumed = mta_kind::automatic, wire::actions offered = wire::all_actions) {
    std::vector<prospect> all;
    for (auto const& one : children) {
        auto& made = all.emplace_back();
        made.agreed = &one;
        made.extra = &one.extra;
    }
    store.set_lists(answer_to_mta({6, offered, wire::all_steps}, all, assumed), assumed);
}

std::string told(macro_store const& store, stage at, child_agreement const& child, bool repeated = false) {
    std::string out;
    store.append(out, at, child, {}, repeated);
    return out;
}
std::string packet(char letter, std::string const& payload) {
    std::string out;
    wire::append_frame(out, 'D', letter + payload);
    return out;
}
std::string packet(char letter, pairs const& all) {
    return packet(letter, bytes_of(all));
}

TEST(macros, reach_a_child_byte_for_byte) { // chain P10, P21a
    pairs const sent{{"i", "4bXyz"}, {"{auth_type}", ""}, {"daemon_name", "\xC3\xA9 \n"}, {"i", "again"}};
    macro_store macros;
    store(macros, 'M', sent);
    EXPECT_EQ(told(macros, stage::mail, without_lists()), packet('M', sent));
}

TEST(macros, of_no_pair_are_passed_on) { // chain P67, protocol 5.1
    macro_store macros;
    store(macros, 'R', ""s);
    EXPECT_TRUE(macros.fresh(stage::rcpt));
    EXPECT_EQ(told(macros, stage::rcpt, without_lists()), packet('R', ""s));
}

TEST(macros, with_a_name_without_a_value_lose_that_name) { // chain P67, protocol 5.1
    macro_store macros;
    store(macros, 'C', "j\0mx\0v\0"s);
    EXPECT_EQ(told(macros, stage::connect, without_lists()), packet('C', "j\0mx\0"s));
    store(macros, 'H', "lonely\0"s);
    EXPECT_EQ(told(macros, stage::helo, without_lists()), packet('H', ""s));
}

TEST(macros, that_did_not_come_with_the_command_are_not_sent) { // chain P21a
    macro_store macros;
    EXPECT_THAT(told(macros, stage::mail, without_lists()), IsEmpty());
    store(macros, 'M', pairs{{"i", "1"}});
    EXPECT_THAT(told(macros, stage::rcpt, without_lists()), IsEmpty());
    macros.used(stage::mail);
    EXPECT_FALSE(macros.fresh(stage::mail));
    EXPECT_THAT(told(macros, stage::mail, without_lists()), IsEmpty());
}

TEST(macros, of_an_earlier_command_come_again_with_its_repetition) { // chain P51: O, C, H and their macros
    macro_store macros;
    store(macros, 'C', pairs{{"j", "mx"}});
    macros.used(stage::connect);
    EXPECT_EQ(told(macros, stage::connect, without_lists(), true), packet('C', pairs{{"j", "mx"}}));
    EXPECT_THAT(told(macros, stage::helo, without_lists(), true), IsEmpty());
}

TEST(macros, of_headers_bodies_and_unknown_commands_are_dropped) { // chain P67
    macro_store macros;
    for (char const letter : "LBU"s)
        store(macros, letter, pairs{{"i", "1"}});
    for (char const letter : "AQKDXo"s)
        store(macros, letter, pairs{{"i", "1"}}); // of no command that is reported
    for (auto const at : {stage::header, stage::body, stage::unknown})
        EXPECT_THAT(told(macros, at, without_lists()), IsEmpty());
}

TEST(macros,
     that_conditions_set_for_headers_and_body_come_with_what_follows_them) { // chain P62, protocol 5.1
    macro_store macros;
    store(macros, 'N', pairs{{"i", "1"}});
    std::vector<own_macro> const own{{stage::header, "list", "yes"}, {stage::body, "large", "no"}};
    auto const at = [&](stage where) {
        std::string out;
        macros.append(out, where, without_lists(), own);
        return out;
    };
    EXPECT_THAT(at(stage::header), IsEmpty());
    EXPECT_EQ(at(stage::end_of_headers), packet('N', pairs{{"i", "1"}, {"{list}", "yes"}}));
    EXPECT_THAT(at(stage::body), IsEmpty());
    EXPECT_EQ(at(stage::end_of_message), packet('E', pairs{{"{large}", "no"}}));
}

TEST(macros, of_a_stage_are_replaced_as_a_whole) { // protocol 5.3
    macro_store macros;
    store(macros, 'R', pairs{{"i", "1"}, {"{rcpt_addr}", "a"}});
    store(macros, 'R', pairs{{"{rcpt_addr}", "b"}});
    EXPECT_EQ(macros.value(stage::rcpt, "rcpt_addr"), "b");
    EXPECT_EQ(macros.value(stage::rcpt, "i"), "");
}

TEST(macros, are_found_with_and_without_braces) { // protocol 5.3, 16: maddy sends bare long names
    macro_store macros;
    store(macros, 'C', pairs{{"{j}", "one"}, {"daemon_name", "two"}, {"{if_addr}", "three"}, {"v", ""}});
    EXPECT_EQ(macros.value(stage::connect, "j"), "one");
    EXPECT_EQ(macros.value(stage::connect, "daemon_name"), "two");
    EXPECT_EQ(macros.value(stage::connect, "if_addr"), "three");
    EXPECT_EQ(macros.value(stage::connect, "v"), "");
    EXPECT_EQ(macros.value(stage::connect, "_"), "");
    EXPECT_EQ(macros.value(stage::helo, "j"), "");
}

TEST(macros, of_a_message_end_with_it) { // protocol 5.3, chain P45
    macro_store macros;
    store(macros, 'C', pairs{{"j", "mx"}});
    store(macros, 'H', pairs{{"cipher", "c"}});
    for (char const letter : "MRTNE"s)
        store(macros, letter, pairs{{"i", "first"}});
    for (auto const at :
         {stage::mail, stage::rcpt, stage::data, stage::end_of_headers, stage::end_of_message})
        macros.used(at);
    store(macros, 'M', pairs{{"i", "second"}}); // the next message begins with its D
    macros.forget_message();
    EXPECT_EQ(macros.value(stage::connect, "j"), "mx");
    EXPECT_EQ(macros.value(stage::helo, "cipher"), "c");
    EXPECT_EQ(macros.value(stage::mail, "i"), "second");
    EXPECT_TRUE(macros.fresh(stage::mail));
    for (auto const at : {stage::rcpt, stage::data, stage::end_of_headers, stage::end_of_message}) {
        EXPECT_EQ(macros.value(at, "i"), "") << name_of(at);
        EXPECT_FALSE(macros.fresh(at)) << name_of(at);
        EXPECT_THAT(told(macros, at, without_lists(), true), IsEmpty()) << name_of(at);
    }
}

TEST(macros, of_a_sender_do_not_outlive_it_when_the_next_has_none) { // protocol 5.3: until the next M
    macro_store macros;
    store(macros, 'M', pairs{{"i", "first"}});
    macros.used(stage::mail);
    macros.forget_message();
    EXPECT_EQ(macros.value(stage::mail, "i"), "");
}

TEST(macros, are_forgotten_with_the_session) { // protocol 5.3: K clears all
    macro_store macros;
    for (char const letter : "CHMRTNE"s)
        store(macros, letter, pairs{{"i", "1"}});
    macros.forget_all();
    for (auto const at : {stage::connect, stage::helo, stage::mail, stage::rcpt, stage::data}) {
        EXPECT_FALSE(macros.fresh(at));
        EXPECT_EQ(macros.value(at, "i"), "");
        EXPECT_THAT(told(macros, at, without_lists(), true), IsEmpty());
    }
}

// The MTA sends its default names of connect and two that children have asked for.
pairs const supplied{{"j", "mx"}, {"{daemon_name}", "d"}, {"{one}", "1"}, {"_", "c"}, {"{two}", "2"}};

TEST(macros, of_a_list_reach_its_child_in_the_order_of_the_mta) { // chain P10
    auto const lister = with_list(wire::macro_stage::connect, "{two} {missing} j,{one}");
    macro_store macros;
    set_lists(macros, {lister, without_lists()});
    store(macros, 'C', supplied);
    EXPECT_EQ(told(macros, stage::connect, lister),
              packet('C', pairs{{"j", "mx"}, {"{one}", "1"}, {"{two}", "2"}}));
}

TEST(macros, of_an_empty_list_are_no_packet_for_that_stage) { // chain P10
    auto const lister = with_list(wire::macro_stage::connect, "");
    macro_store macros;
    set_lists(macros, {lister, without_lists()});
    store(macros, 'C', supplied);
    store(macros, 'H', pairs{{"cipher", "c"}});
    EXPECT_THAT(told(macros, stage::connect, lister), IsEmpty());
    EXPECT_EQ(told(macros, stage::helo, lister), packet('H', pairs{{"cipher", "c"}}));
    EXPECT_EQ(told(macros, stage::connect, without_lists()), packet('C', supplied));
}

TEST(macros, that_only_others_asked_for_are_kept_from_a_child_without_a_list) { // chain P10
    auto const first = with_list(wire::macro_stage::connect, "j {one}");
    auto const second = with_list(wire::macro_stage::connect, "{two} {daemon_name}");
    macro_store macros;
    set_lists(macros, {first, second, without_lists()});
    store(macros, 'C', supplied);
    EXPECT_EQ(told(macros, stage::connect, without_lists()),
              packet('C', pairs{{"j", "mx"}, {"{daemon_name}", "d"}, {"_", "c"}}));
    EXPECT_EQ(told(macros, stage::connect, first), packet('C', pairs{{"j", "mx"}, {"{one}", "1"}}));
    EXPECT_EQ(told(macros, stage::connect, second),
              packet('C', pairs{{"{daemon_name}", "d"}, {"{two}", "2"}}));
}

TEST(macros, that_the_mta_sends_by_itself_are_not_kept_from_a_child_without_a_list) { // chain P10
    auto const lister = with_list(wire::macro_stage::connect, "{one}");
    macro_store macros;
    set_lists(macros, {lister, without_lists()});
    // {site} is in nobody's list: the administrator's addition to the MTA's own.
    pairs const sent{{"{site}", "s"}, {"{one}", "1"}, {"j", "mx"}};
    store(macros, 'C', sent);
    EXPECT_EQ(told(macros, stage::connect, without_lists()),
              packet('C', pairs{{"{site}", "s"}, {"j", "mx"}}));
}

TEST(macros, that_the_administrator_adds_reach_that_child_besides_its_own) { // chain P9
    auto const at = wire::macro_stage::connect;
    auto plain = without_lists();
    auto lister = with_list(at, "{one}");
    auto of_nothing = with_list(at, "");
    for (auto* const child : {&plain, &lister, &of_nothing})
        child->extra = {{at, {"{two}"}}};
    macro_store macros;
    set_lists(macros, {plain, lister, of_nothing, without_lists()});
    store(macros, 'C', supplied);
    EXPECT_EQ(told(macros, stage::connect, plain),
              packet('C', pairs{{"j", "mx"}, {"{daemon_name}", "d"}, {"_", "c"}, {"{two}", "2"}}));
    EXPECT_EQ(told(macros, stage::connect, lister), packet('C', pairs{{"{one}", "1"}, {"{two}", "2"}}));
    EXPECT_EQ(told(macros, stage::connect, of_nothing), packet('C', pairs{{"{two}", "2"}}));
    EXPECT_EQ(told(macros, stage::connect, without_lists()), // chain P10
              packet('C', pairs{{"j", "mx"}, {"{daemon_name}", "d"}, {"_", "c"}}));
}

TEST(macros, that_the_administrator_adds_to_nothing_are_no_packet) { // chain P10
    auto of_nothing = with_list(wire::macro_stage::connect, "");
    of_nothing.extra = {{wire::macro_stage::connect, {}}, {wire::macro_stage::helo, {"{two}"}}};
    macro_store macros;
    set_lists(macros, {of_nothing});
    store(macros, 'C', supplied);
    EXPECT_THAT(told(macros, stage::connect, of_nothing), IsEmpty());
}

TEST(macros, of_an_mta_that_cannot_be_asked_are_kept_from_nobody_without_a_list) { // chain P10
    auto const lister = with_list(wire::macro_stage::connect, "{one}");
    macro_store macros;
    set_lists(macros, {lister, without_lists()}, mta_kind::automatic, wire::actions(0x3F));
    store(macros, 'C', supplied); // all its own
    EXPECT_EQ(told(macros, stage::connect, without_lists()), packet('C', supplied));
    EXPECT_EQ(told(macros, stage::connect, lister), packet('C', pairs{{"{one}", "1"}}));
}

TEST(macros, without_a_pair_are_a_packet_also_when_they_are_repeated) { // chain P51, protocol 5.2
    macro_store macros;
    store(macros, 'C', pairs{});
    macros.used(stage::connect);
    EXPECT_EQ(told(macros, stage::connect, without_lists(), true), packet('C', pairs{}));
    EXPECT_THAT(told(macros, stage::helo, without_lists(), true), IsEmpty());
}

TEST(macros, are_matched_to_a_list_without_their_braces) { // protocol 17: clamav-milter asks for {i}
    auto const lister = with_list(wire::macro_stage::mail, "{i} auth_type");
    macro_store macros;
    set_lists(macros, {lister});
    pairs const sent{{"i", "1"}, {"{auth_type}", "plain"}};
    store(macros, 'M', sent);
    EXPECT_EQ(told(macros, stage::mail, lister), packet('M', sent));
}

TEST(macros, of_one_stage_are_not_filtered_by_the_list_of_another) { // protocol 3.6
    auto const lister = with_list(wire::macro_stage::end_of_message, "i");
    macro_store macros;
    set_lists(macros, {lister});
    store(macros, 'C', supplied);
    store(macros, 'N', pairs{{"{x}", "1"}});
    EXPECT_EQ(told(macros, stage::connect, lister), packet('C', supplied));
    EXPECT_EQ(told(macros, stage::end_of_headers, lister), packet('N', pairs{{"{x}", "1"}}));
}

TEST(macros, are_given_also_to_a_child_that_does_not_want_the_command) { // chain P21a, protocol 5.2
    auto silent = without_lists();
    silent.steps = wire::all_steps;
    macro_store macros;
    store(macros, 'R', pairs{{"i", "1"}});
    EXPECT_EQ(told(macros, stage::rcpt, silent), packet('R', pairs{{"i", "1"}}));
}

} // namespace
} // namespace milter::core::test
