#include "oracle/session_case.hpp"

#include "oracle/dice.hpp"
#include "oracle/session_writer.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace milter::oracle {

namespace {

struct bits {
    char code;
    std::uint32_t opt_out;
    std::uint32_t silence;
};
constexpr std::array<bits, 9> table{{{'C', 0x1, 0x1000},
                                     {'H', 0x2, 0x2000},
                                     {'M', 0x4, 0x4000},
                                     {'R', 0x8, 0x8000},
                                     {'B', 0x10, 0x80000},
                                     {'L', 0x20, 0x80},
                                     {'N', 0x40, 0x40000},
                                     {'U', 0x100, 0x20000},
                                     {'T', 0x200, 0x10000}}};

offer random_offer(dice& random) {
    switch (random.below(8)) {
    case 0:
        return {2, 0x3F, 0x7F};
    case 1:
        return {4, 0x3F, 0x3FF};
    case 2:
        return {6, 0xFF, 0x000FFFFF}; // without the leading space
    case 3:
        return {6, 0x1FF, 0x1FFFFF & static_cast<std::uint32_t>(random.next())};
    default:
        return {6, 0x1FF, 0x1FFFFF};
    }
}

// Lists of macros for a few stages, some of them empty (chain P10).
void ask_for_macros(dice& random, child_plan& one) {
    constexpr std::uint32_t stages = 7;
    for (std::uint32_t at = 0; at < stages; ++at) {
        if (!random.percent(35)) continue;
        auto& list = one.lists[at];
        for (auto n = random.below(4); n > 0; --n) {
            auto const name = random_macro_name(random);
            if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
        }
    }
    if (random.percent(80)) one.answers.actions |= macro_lists_bit;
}

child_plan random_child(dice& random, std::size_t i, session_case const& of) {
    child_plan one;
    one.name = std::string(1, static_cast<char>('a' + i));
    one.seed = random.next();
    one.answers.version = random.percent(85) ? of.offers.version : 2;
    one.answers.actions =
        random.percent(40) ? 0x1FF : static_cast<std::uint32_t>(random.next() & random.next()) & 0x1FF;
    if (random.percent(90)) one.answers.actions &= of.offers.actions;
    if (random.percent(50)) one.answers.steps |= leading_space_bit;
    if (random.percent(50)) one.answers.steps |= skip_bit;
    if (random.percent(20)) one.answers.steps |= rejected_recipients_bit;
    bool const mute = random.percent(15); // as rspamd is
    for (auto const& row : table) {
        if (random.percent(12)) one.answers.steps |= row.opt_out;
        if (mute || random.percent(12)) one.answers.steps |= row.silence;
    }
    if (random.percent(25)) ask_for_macros(random, one);
    constexpr std::string_view fallbacks = "aaartdqs";
    one.fallback = random.of(fallbacks);
    one.calm = random.percent(70) ? 95 : 75;
    one.calm_at_rcpt = random.percent(60) ? one.calm : 60;
    one.fails = random.percent(25);
    one.early_quarantine = random.percent(20);
    if (of.timed) {
        constexpr std::array patience{3100U, 7300U, 20'000U};
        constexpr std::array at_end{4300U, 9700U, 100'000U};
        one.slow = random.percent(60);
        one.patience_ms = random.of(patience);
        one.patience_at_end_ms = random.of(at_end);
        one.asked_in_parallel = !of.exact;
        return one;
    }
    if (of.exact) return one;
    one.asked_in_parallel = random.percent(80);
    one.fed_early = random.percent(80);
    one.mail_in_parallel = random.percent(20);
    if (one.mail_in_parallel) one.fails = false; // natively it might not have been asked
    return one;
}

// Which of the children may fail while it gets the content: behind an early-fed child that failed, the rest
// of the session cannot be the same (it would not have failed natively when an earlier one refused).
void restrain(dice& random, session_case& into) {
    bool cut_off = false;
    for (auto const& one : into.events)
        cut_off |= one.overtakes;
    // Which of the children that were being asked have failed, nobody can say.
    if (cut_off)
        for (auto& one : into.children)
            one.fails = one.slow = false;
    for (std::size_t i = 0; i + 1 < into.events.size(); ++i)
        cut_off |= std::string_view("LNB").find(into.events[i].code) != std::string_view::npos &&
                   std::string_view("LNBE").find(into.events[i + 1].code) == std::string_view::npos;
    for (auto& one : into.children) {
        bool const first = &one == &into.children.front();
        // Whether such a child has left data behind it, where no unknown command may follow (protocol 6.2),
        // would depend on how much of the content it was fed in vain.
        bool const fed_in_vain = cut_off || !into.exact;
        auto const counts = one.answers.steps & into.offers.steps;
        if (fed_in_vain && (counts & opt_out_bit('M')) != 0 && (counts & opt_out_bit('T')) == 0) {
            if ((into.offers.steps & opt_out_bit('U')) != 0)
                one.answers.steps |= opt_out_bit('U');
            else
                one.answers.steps &= ~opt_out_bit('M');
        }
        if (cut_off) one.slow = false; // it might still owe an answer when the next message begins
        one.fails_in_content = one.fails && !cut_off && (first || into.exact) && random.percent(70);
    }
}

} // namespace

std::uint32_t opt_out_bit(char code) {
    for (auto const& row : table)
        if (row.code == code) return row.opt_out;
    return 0;
}
std::uint32_t silence_bit(char code) {
    for (auto const& row : table)
        if (row.code == code) return row.silence;
    return 0;
}

session_case make_case(std::uint64_t seed) {
    dice random(stir(seed));
    session_case made;
    made.seed = seed;
    constexpr std::array kinds{mta_kind::sendmail, mta_kind::sendmail, mta_kind::postfix, mta_kind::postfix,
                               mta_kind::generic};
    made.mta = random.of(kinds);
    made.recognises = random.percent(40);
    made.exact = random.percent(50);
    made.stubborn = random.percent(30);
    made.retries = random.percent(50);
    if (random.percent(15)) {
        constexpr std::array for_command{5000U, 12'000U, 27'000U};
        constexpr std::array for_end{10'000U, 60'000U};
        made.timed = true;
        made.retries = false;
        made.command_ms = random.of(for_command);
        made.end_ms = random.of(for_end);
    }
    constexpr std::array<std::uint32_t, 5> chunk_sizes{1, 3, 7, 100, 65'535};
    made.chunk_size = random.of(chunk_sizes);
    made.offers = random_offer(random);
    if (random.percent(20)) made.more_macros = {"client_addr"};
    auto const children = 1 + random.below(4);
    for (std::size_t i = 0; i < children; ++i)
        made.children.push_back(random_child(random, i, made));
    if (children > 1 && random.percent(20)) made.children[random.below(children)].evaluated = true;
    write_session(random, made);
    restrain(random, made);
    return made;
}

} // namespace milter::oracle
