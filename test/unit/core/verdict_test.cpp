// One outcome from many ballots, against a second implementation and in every order of arrival.
#include "core/verdict.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace milter::core {

static void PrintTo(outcome const& one, std::ostream* out) {
    char const* const words[] = {"open", "passed", "decided by "};
    *out << words[static_cast<int>(one.at)];
    if (one.at == outcome::state::decided) *out << one.by;
}

static bool operator==(outcome const& a, outcome const& b) {
    return a.at == b.at && (a.at != outcome::state::decided || a.by == b.by);
}

namespace test {
namespace {

using state = ballot::state;
using kind = verdict::kind;

verdict reply(char const* text) {
    return verdict::of(*wire::smtp_reply::parse(text));
}

// Everything that a child can say to one event.
std::vector<ballot> last_words() {
    return {{state::passed, verdict::of(kind::go_on)},    {state::passed, verdict::of(kind::accept)},
            {state::decided, verdict::of(kind::reject)},  {state::decided, verdict::of(kind::temp_fail)},
            {state::decided, verdict::of(kind::discard)}, {state::decided, reply("550 5.7.1 no")},
            {state::decided, reply("451 4.7.1 later")},   {state::decided, reply("421 4.7.0 gone")}};
}

std::vector<ballot> all_ballots() {
    auto all = last_words();
    all.push_back({state::waiting, {}});
    all.push_back({state::asked, {}});
    return all;
}

// chain V.2, literally: fixed as soon as there is a k with a terminal reply and all i < k have passed.
outcome naive(std::vector<ballot> const& ballots) {
    auto const passed = [](ballot const& one) { return one.at == state::passed; };
    for (std::size_t k = 0; k < ballots.size(); ++k) {
        bool const terminal = ballots[k].at == state::decided;
        auto const before = ballots.begin() + static_cast<std::ptrdiff_t>(k);
        if (terminal && std::all_of(ballots.begin(), before, passed)) return {outcome::state::decided, k};
    }
    if (std::all_of(ballots.begin(), ballots.end(), passed)) return {outcome::state::passed, 0};
    return {outcome::state::open, 0};
}

// Calls `with` for each list of n ballots out of `choices`; gives back how many there were.
template <class F>
std::size_t each_list(std::size_t n, std::vector<ballot> const& choices, F with) {
    std::size_t lists = 1;
    for (std::size_t i = 0; i < n; ++i)
        lists *= choices.size();
    for (std::size_t number = 0; number < lists; ++number) {
        std::vector<ballot> list;
        for (std::size_t i = 0, rest = number; i < n; ++i, rest /= choices.size())
            list.push_back(choices[rest % choices.size()]);
        with(list);
        if (testing::Test::HasFailure()) break;
    }
    return lists;
}

TEST(verdict, is_the_first_terminal_one_in_the_order_of_the_children) { // chain P12
    std::size_t counted = 0;
    for (std::size_t n = 0; n <= 4; ++n)
        counted += each_list(n, all_ballots(),
                             [](std::vector<ballot> const& list) { ASSERT_EQ(count(list), naive(list)); });
    EXPECT_EQ(counted, 1u + 10u + 100u + 1000u + 10000u);
}

TEST(verdict, does_not_depend_on_arrival_and_never_changes_once_fixed) { // chain P12, V.2
    for (std::size_t n = 1; n <= 4; ++n)
        each_list(n, last_words(), [n](std::vector<ballot> const& said) {
            outcome const final = naive(said);
            ASSERT_NE(final.at, outcome::state::open);
            std::vector<std::size_t> arrival(n);
            std::iota(arrival.begin(), arrival.end(), 0u);
            do {
                std::vector<ballot> ballots(n, {state::asked, {}});
                ASSERT_EQ(count(ballots).at, outcome::state::open);
                bool fixed = false;
                for (auto const child : arrival) {
                    ballots[child] = said[child];
                    auto const now = count(ballots);
                    if (fixed || now.at != outcome::state::open) {
                        ASSERT_EQ(now, final);
                        fixed = true;
                    }
                }
                ASSERT_TRUE(fixed);
            } while (std::next_permutation(arrival.begin(), arrival.end()));
        });
}

TEST(verdict, is_the_same_when_children_are_asked_one_by_one) { // chain V.2, P13
    for (std::size_t n = 1; n <= 4; ++n)
        each_list(n, last_words(), [n](std::vector<ballot> const& said) {
            std::vector<ballot> ballots(n); // waiting
            std::size_t asked = 0;
            while (count(ballots).at == outcome::state::open) {
                ASSERT_LT(asked, n);
                ballots[asked].at = state::asked;
                ASSERT_EQ(count(ballots).at, outcome::state::open);
                ballots[asked] = said[asked];
                ++asked;
            }
            ASSERT_EQ(count(ballots), naive(said));
        });
}

TEST(verdict, of_a_child_before_which_another_is_silent_waits_for_nobody_but_it) { // chain V.2 (b)
    std::vector<ballot> const silent_first{
        {state::passed, {}}, {state::decided, verdict::of(kind::reject)}, {state::asked, {}}};
    EXPECT_EQ(count(silent_first), (outcome{outcome::state::decided, 1}));
}

TEST(verdict, is_terminal_unless_it_lets_the_chain_go_on) { // chain IV.0
    EXPECT_FALSE(verdict::of(kind::go_on).terminal());
    EXPECT_FALSE(verdict::of(kind::accept).terminal());
    for (auto const what : {kind::reject, kind::temp_fail, kind::discard})
        EXPECT_TRUE(verdict::of(what).terminal());
    EXPECT_TRUE(reply("550 no").terminal());
    EXPECT_TRUE(verdict::shutdown().terminal());
}

TEST(verdict, ends_the_session_exactly_when_it_is_421) { // chain P17, P25
    EXPECT_TRUE(reply("421 4.3.0 bye").ends_session());
    EXPECT_TRUE(verdict::shutdown().ends_session());
    EXPECT_FALSE(reply("450 4.3.0 later").ends_session());
    EXPECT_FALSE(reply("521 no").ends_session());
    EXPECT_FALSE(verdict::of(kind::temp_fail).ends_session());
}

TEST(verdict, of_a_fallback_is_what_the_child_would_have_said) { // chain P50
    EXPECT_EQ(verdict_of(fallback::accept), std::nullopt);
    EXPECT_EQ(verdict_of(fallback::quarantine), std::nullopt);
    EXPECT_EQ(verdict_of(fallback::reject), verdict::of(kind::reject));
    EXPECT_EQ(verdict_of(fallback::temp_fail), verdict::of(kind::temp_fail));
    EXPECT_EQ(verdict_of(fallback::discard), verdict::of(kind::discard));
    EXPECT_EQ(verdict_of(fallback::shutdown), verdict::shutdown());
}

TEST(verdict, is_said_by_its_letter_or_its_text_byte_for_byte) { // chain P20, P25; protocol 2.2
    auto const said = [](verdict const& one) {
        std::string out;
        encode(out, one);
        return out;
    };
    using namespace std::string_literals;
    EXPECT_EQ(said(verdict::of(kind::go_on)), "\0\0\0\1c"s);
    EXPECT_EQ(said(verdict::of(kind::accept)), "\0\0\0\1a"s);
    EXPECT_EQ(said(verdict::of(kind::reject)), "\0\0\0\1r"s);
    EXPECT_EQ(said(verdict::of(kind::temp_fail)), "\0\0\0\1t"s);
    EXPECT_EQ(said(verdict::of(kind::discard)), "\0\0\0\1d"s);
    EXPECT_EQ(said(reply("550-5.7.1 100%%\r\n550 5.7.1 no")),
              "\0\0\0\x1fy550-5.7.1 100%%\r\n550 5.7.1 no\0"s);
    EXPECT_EQ(said(verdict::shutdown()), "\0\0\0\x33y421 4.7.0 Service unavailable, closing connection\0"s);
}

TEST(verdict, has_the_name_of_its_class_in_logs) {
    EXPECT_EQ(name_of(verdict::of(kind::go_on)), "pass");
    EXPECT_EQ(name_of(verdict::of(kind::accept)), "accept");
    EXPECT_EQ(name_of(verdict::of(kind::reject)), "reject");
    EXPECT_EQ(name_of(verdict::of(kind::temp_fail)), "temporary-failure");
    EXPECT_EQ(name_of(verdict::of(kind::discard)), "discard");
    EXPECT_EQ(name_of(reply("550 no")), "reject");
    EXPECT_EQ(name_of(reply("450 no")), "temporary-failure");
}

} // namespace
} // namespace test
} // namespace milter::core
