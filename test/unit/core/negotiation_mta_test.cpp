// What the MTA is answered: a matrix of offers, MTAs and up to three children, against a second
// implementation of chain P1 to P11 that is written bit by bit.
#include "core/negotiation.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

using testing::ElementsAre;
using wire::action;
using wire::macro_stage;
using wire::step;

struct named_offer {
    char const* name;
    wire::negotiate what;
};
std::vector<named_offer> const offers{
    {"v2", {2, wire::actions(0x3F), wire::steps(0x7F)}},
    {"v2 of Postfix, no_header_reply", {2, wire::actions(0x1FF), wire::steps(0xFF)}},
    {"v3", {3, wire::actions(0x1FF), wire::steps(0x17F)}},
    {"v4", {4, wire::actions(0x1FF), wire::steps(0x37F)}},
    {"v6", {6, wire::actions(0x1FF), wire::steps(0x1FFFFF)}},
    {"v6 with packet size", {6, wire::actions(0x1FF), wire::steps(0x101FFFFF)}},
    {"maddy", {6, wire::actions(0x21), wire::steps(0)}},
    {"Stalwart", {6, wire::actions(0xFF), wire::steps(0x42)}},
    {"no actions", {6, wire::actions(0), wire::steps(0x1FFFFF)}},
    {"no steps", {6, wire::actions(0x1FF), wire::steps(0)}},
    {"all bits", {9, wire::actions(0xFFFFFFFF), wire::steps(0xFFFFFFFF)}},
};

struct scripted_child {
    char const* name;
    std::uint32_t version, actions, steps;
    std::vector<std::pair<std::uint32_t, std::string>> lists = {};
    bool failed = false; // it never answered
    bool can_refuse = false;
    bool can_quarantine = false;
    bool only_watches = false; // evaluation mode
};
std::vector<scripted_child> const kinds{
    {"plain v2", 2, 0x3F, 0},
    {"v2 without body", 2, 0x11, 0x10},
    {"v3", 3, 0x01, 0},
    {"all NO", 6, 0x1FF, 0x37F},
    {"rspamd", 6, 0x1FF, 0xFF080},
    {"opendmarc", 6, 0x31, 0x100712},
    {"silent or absent everywhere", 6, 0x40, 0xF131D},
    {"lists of its own", 6, 0x101, 0x100400, {{0, "j {one}"}, {3, "{two} i"}}},
    {"list of end of headers", 6, 0x111, 0, {{6, "i {three}"}}},
    {"list of usual names", 6, 0x101, 0x400, {{2, "i {auth_type} {mail_addr}"}}},
    {"empty lists", 6, 0x101, 0, {{1, ""}, {5, ""}}},
    {"refused recipients", 6, 0x0C, 0x800},
    {"failed, accepts", 0, 0, 0, {}, true},
    {"failed, refuses", 0, 0, 0, {}, true, true},
    {"silent, but failing refuses", 6, 0x1FF, 0xFF080, {}, false, true},
    {"silent, but failing quarantines", 6, 0x01, 0x7F080, {}, false, false, true},
    {"watches", 6, 0x1FF, 0x800, {{2, "{watched}"}}, false, true, true, true},
};

// protocol 2.4: the letters of events, their NO and NR bits.
struct event_bits {
    char letter;
    std::uint32_t no, silent;
};
constexpr event_bits events[] = {{'C', 0x1, 0x1000}, {'H', 0x2, 0x2000},    {'M', 0x4, 0x4000},
                                 {'R', 0x8, 0x8000}, {'T', 0x200, 0x10000}, {'U', 0x100, 0x20000},
                                 {'L', 0x20, 0x80},  {'N', 0x40, 0x40000},  {'B', 0x10, 0x80000}};

bool among(char letter, std::string_view letters) {
    return letters.find(letter) != letters.npos;
}

// Whether the child is sent the event (chain P7 tells what its version implies).
bool sees(scripted_child const& one, event_bits const& event) {
    if (one.failed) return true; // may want anything
    if (event.letter == 'U' && one.version <= 2) return false;
    if (event.letter == 'T' && one.version <= 3) return false;
    return (one.steps & event.no) == 0;
}
bool speaks(scripted_child const& one, event_bits const& event) {
    if (one.failed) return true;
    return sees(one, event) && (one.steps & event.silent) == 0;
}

std::uint32_t naive_steps(wire::negotiate const& offer, std::vector<scripted_child> const& children) {
    std::uint32_t wanted = 0;
    for (auto const& event : events) {
        auto const some = [&](auto const& is) {
            return std::any_of(children.begin(), children.end(),
                               [&](auto const& one) { return is(one, event); });
        };
        // An evaluation-mode child is sent what it wants, and nobody waits for it (chain P63).
        auto const heard = [&](auto const& is) {
            return std::any_of(children.begin(), children.end(),
                               [&](auto const& one) { return !one.only_watches && is(one, event); });
        };
        bool const seen = some(sees);
        if (children.empty()) { // chain P11
            if (!among(event.letter, "CH")) wanted |= event.no;
            continue;
        }
        // chain P4; mail and recipients are reported in the log, so they are never suppressed.
        bool const full = offer.version >= 6 && (offer.actions.bits() & 0x1FF) == 0x1FF &&
                          (offer.steps.bits() & 0x1FFFFF) == 0x1FFFFF;
        if (!seen && (among(event.letter, "TUN") || (full && among(event.letter, "LB")))) wanted |= event.no;
        // chain P5
        bool const strict = heard([](auto const& one, auto const&) { return one.can_refuse; });
        if (among(event.letter, "CHMRTU") && heard(sees) && !heard(speaks) && !strict) wanted |= event.silent;
        if (among(event.letter, "LN")) wanted |= event.silent;
    }
    if (!children.empty()) {
        wanted |= 0x400 | 0x100000; // chain P6
        for (auto const& one : children)
            wanted |= one.only_watches ? 0 : one.steps & 0x800;
    }
    return wanted & offer.steps.bits() & 0x1FFFFF; // chain P1
}

using lists = std::map<std::uint32_t, std::vector<std::string>>; // bare names

lists naive_lists(wire::negotiate const& offer, std::vector<scripted_child> const& children,
                  mta_kind assumed) {
    if ((offer.actions.bits() & 0x100) == 0) return {};
    lists all;
    std::set<std::uint32_t> overridden;
    for (std::uint32_t at = 0; at < 7; ++at) {
        for (auto const name : default_macros(static_cast<macro_stage>(at), assumed))
            all[at].emplace_back(name);
        for (auto const& one : children)
            for (auto const& [stage, names] : one.lists) {
                if (stage != at || one.only_watches) continue;
                std::istringstream in(names);
                for (std::string name; in >> name;) {
                    std::erase_if(name, [](char c) { return c == '{' || c == '}'; });
                    if (std::find(all[at].begin(), all[at].end(), name) != all[at].end()) continue;
                    all[at].push_back(name);
                    overridden.insert(at);
                }
            }
    }
    if (overridden.count(5) + overridden.count(6) > 0) overridden.insert({5, 6}); // chain P9
    std::erase_if(all, [&](auto const& one) { return overridden.count(one.first) == 0; });
    return all;
}

std::uint32_t naive_actions(wire::negotiate const& offer, std::vector<scripted_child> const& children,
                            bool has_lists) {
    std::uint32_t claimed = 0; // chain P3
    for (auto const& one : children) {
        if (one.only_watches) continue;
        claimed |= one.actions & 0xFF;
        bool const plain_only = (offer.actions.bits() & 0x84) == 0x04;
        if ((one.actions & 0x80) != 0 && plain_only) claimed |= 0x04; // chain P40: degrades
        if (one.can_quarantine) claimed |= 0x20;                      // chain P50
    }
    if (has_lists) claimed |= 0x100;
    return claimed & offer.actions.bits();
}

// What stands on the wire: short names bare, long ones in braces (protocol 3.6).
lists read_lists(mta_agreement const& agreed) {
    lists all;
    wire::negotiated packet{6, {}, {}, agreed.macro_lists};
    while (auto const list = packet.next()) {
        EXPECT_TRUE(all.emplace(list->stage, std::vector<std::string>()).second) << "a second list";
        std::istringstream in{std::string(list->names)};
        for (std::string name; in >> name;) {
            EXPECT_EQ(name.size() > 1, name.front() == '{' && name.back() == '}') << name;
            std::erase_if(name, [](char c) { return c == '{' || c == '}'; });
            all[list->stage].push_back(name);
        }
    }
    return all;
}

mta_agreement answer(wire::negotiate const& offer, std::vector<scripted_child> const& children,
                     mta_kind assumed) {
    std::vector<child_agreement> agreed;
    std::vector<prospect> prospects;
    agreed.reserve(children.size());
    auto const theirs = offer_to_child(offer);
    for (auto const& one : children) {
        child_agreement const* with = nullptr;
        if (!one.failed) {
            std::string bytes;
            for (auto const& [at, names] : one.lists)
                wire::append_macro_list(bytes, {at, names});
            auto const version = std::min(one.version, theirs.version);
            auto const read =
                read_answer(theirs, {version, wire::actions(one.actions), wire::steps(one.steps), bytes});
            EXPECT_TRUE(read) << one.name;
            if (!read) return {};
            with = &agreed.emplace_back(*read);
        }
        prospects.push_back({with, one.can_refuse, one.can_quarantine, one.only_watches, nullptr, false, 0});
    }
    return answer_to_mta(offer, prospects, assumed);
}

void compare(named_offer const& offer, std::vector<scripted_child> children, mta_kind assumed) {
    std::string trace = offer.name;
    for (auto& one : children) {
        trace += std::string("; ") + one.name;
        one.version = std::min(one.version, offer.what.version);
    }
    auto const agreed = answer(offer.what, children, assumed);
    auto const wanted_lists = naive_lists(offer.what, children, assumed);
    ASSERT_EQ(agreed.version, std::min(6u, offer.what.version)) << trace; // chain P1
    ASSERT_EQ(wire::names(agreed.steps), wire::names(wire::steps(naive_steps(offer.what, children))))
        << trace;
    ASSERT_EQ(read_lists(agreed), wanted_lists) << trace;
    ASSERT_EQ(wire::names(agreed.actions),
              wire::names(wire::actions(naive_actions(offer.what, children, !wanted_lists.empty()))))
        << trace;
    ASSERT_TRUE(offer.what.actions.has_all(agreed.actions)) << trace;
    ASSERT_TRUE(offer.what.steps.has_all(agreed.steps)) << trace;
}

TEST(answer_to_mta, is_that_of_a_second_implementation) { // chain P1, P3 to P6, P9, P11, VI.1
    std::size_t cases = 0;
    for (auto const assumed : {mta_kind::automatic, mta_kind::postfix, mta_kind::sendmail})
        for (auto const& offer : offers) {
            std::size_t const n = kinds.size() + 1; // the last stands for no child in this place
            for (std::size_t number = 0; number < n * n * n; ++number) {
                std::vector<scripted_child> children;
                for (auto const at : {number % n, number / n % n, number / n / n})
                    if (at < kinds.size()) children.push_back(kinds[at]);
                compare(offer, children, assumed);
                if (HasFatalFailure()) return;
                ++cases;
            }
        }
    EXPECT_EQ(cases, 3u * 11u * 18u * 18u * 18u);
}

mta_agreement answer_v6(std::vector<scripted_child> const& children) {
    return answer(offers[4].what, children, mta_kind::automatic);
}

TEST(answer_to_mta, never_suppresses_what_the_manager_itself_needs) { // chain P4
    auto const agreed = answer_v6({{"", 6, 0, 0x37F}});
    for (auto const one : {step::no_connect, step::no_helo, step::no_mail, step::no_rcpt})
        EXPECT_FALSE(agreed.steps.has(one)) << wire::names(wire::steps(one));
}

TEST(answer_to_mta, promises_silence_where_no_child_speaks) { // chain P5
    auto const agreed = answer_v6({{"rspamd", 6, 0x1FF, 0xFF080}, {"all NO", 6, 0, 0x37F}});
    for (auto const at : {stage::connect, stage::helo, stage::mail, stage::rcpt, stage::data, stage::unknown,
                          stage::header, stage::end_of_headers})
        EXPECT_FALSE(agreed.answered(at)) << name_of(at);
    EXPECT_TRUE(agreed.answered(stage::body));
    EXPECT_TRUE(agreed.answered(stage::end_of_message));
}

TEST(answer_to_mta, without_children_wants_nothing) { // chain P11
    auto const agreed = answer_v6({});
    EXPECT_TRUE(agreed.actions.empty());
    EXPECT_EQ(agreed.steps.bits(), 0x37Fu - 0x3u);
    EXPECT_EQ(agreed.macro_lists, "");
    for (auto const at : {stage::connect, stage::helo, stage::end_of_message})
        EXPECT_TRUE(agreed.answered(at));
}

TEST(answer_to_mta, asks_for_the_usual_macros_before_those_of_children) { // chain P9
    auto const agreed =
        answer(offers[4].what, {{"", 6, 0x101, 0, {{3, "{x} rcpt_addr"}}}}, mta_kind::sendmail);
    EXPECT_THAT(read_lists(agreed),
                ElementsAre(testing::Pair(3, ElementsAre("rcpt_mailer", "rcpt_host", "rcpt_addr", "x"))));
}

TEST(answer_to_mta, asks_for_what_the_administrator_adds) { // chain P9
    stage_macros const extra{{wire::macro_stage::rcpt, {"{x}", "rcpt_addr"}},
                             {wire::macro_stage::mail, {"i"}}};
    child_agreement agrees;
    agrees.version = 6;
    for (auto const* const known : std::initializer_list<child_agreement const*>{&agrees, nullptr}) {
        prospect const child{.agreed = known, .extra = &extra};
        EXPECT_THAT(read_lists(answer_to_mta(offers[4].what, std::span(&child, 1), mta_kind::sendmail)),
                    ElementsAre(testing::Pair(3, ElementsAre("rcpt_mailer", "rcpt_host", "rcpt_addr", "x"))));
    }
}

TEST(answer_to_mta, asks_for_no_macros_of_children_that_only_watch) { // chain P9, P63
    stage_macros const extra{{wire::macro_stage::rcpt, {"{x}"}}};
    prospect const child{.only_watches = true, .extra = &extra};
    EXPECT_EQ(answer_to_mta(offers[4].what, std::span(&child, 1), mta_kind::sendmail).macro_lists, "");
}

TEST(answer_to_mta, overrides_end_of_message_and_of_headers_together) { // chain P9, protocol 3.6
    auto const agreed = answer(offers[4].what, {{"", 6, 0x101, 0, {{6, "i"}}}}, mta_kind::sendmail);
    EXPECT_THAT(read_lists(agreed),
                ElementsAre(testing::Pair(5, ElementsAre("msg_id")), testing::Pair(6, ElementsAre("i"))));
}

} // namespace
} // namespace milter::core::test
