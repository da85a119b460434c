// The order that a libmilter filter accepts: each state x each next command x each set of opt-outs, against
// the table of protocol 6.2 as it stands there.
#include "core/stage.hpp"

#include "wire/command.hpp"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace milter::core::test {
namespace {

constexpr std::string_view letters = "OCHMRTLNBEU";

std::map<char, std::string> const next_allowed{
    {'O', "CU"},  {'C', "HMU"}, {'H', "HMU"}, {'M', "RAU"},  {'R', "RTLNBEAU"},  {'T', "LNA"},
    {'L', "LNA"}, {'N', "BEA"}, {'B', "BEA"}, {'E', "MUQK"}, {'U', "HMRTBUAQK"},
};
// protocol 2.4
std::map<char, std::uint32_t> const opt_outs{{'C', 0x001}, {'H', 0x002}, {'M', 0x004},
                                             {'R', 0x008}, {'B', 0x010}, {'L', 0x020},
                                             {'N', 0x040}, {'U', 0x100}, {'T', 0x200}};
std::map<char, std::uint32_t> const silences{{'L', 0x80},    {'C', 0x1000},  {'H', 0x2000},
                                             {'M', 0x4000},  {'R', 0x8000},  {'T', 0x10000},
                                             {'U', 0x20000}, {'N', 0x40000}, {'B', 0x80000}};

// All states that a filter in state `from` can be taken to be in: itself, and as long as the next one in time
// is opted out of, that one.
std::set<char> standing_for(char from, std::uint32_t agreed) {
    std::string const time = "OCHMRTLNBE"; // U has no place in time
    std::set<char> states{from};
    auto at = time.find(from);
    if (at == time.npos) return states;
    for (++at; at < time.size(); ++at) {
        auto const bit = opt_outs.find(time[at]);
        if (bit == opt_outs.end() || (agreed & bit->second) == 0) break;
        states.insert(time[at]);
    }
    return states;
}

bool naive(char last, char next, std::uint32_t agreed) {
    // "The state becomes H; if the command is allowed from H it is processed, otherwise it is dropped."
    for (char const start : {last, 'H'})
        for (char const state : standing_for(start, agreed))
            if (next_allowed.at(state).find(next) != std::string::npos) return true;
    return false;
}

TEST(stage, may_follow_another_exactly_when_a_filter_would_not_drop_it) { // protocol 6.2
    std::size_t allowed = 0;
    std::size_t dropped = 0;
    for (std::uint32_t agreed = 0; agreed <= 0x3FF; ++agreed) {
        if ((agreed & 0x80) != 0) continue; // no opt-out
        for (char const last : letters)
            for (char const next : letters) {
                bool const wanted = naive(last, next, agreed);
                ++(wanted ? allowed : dropped);
                ASSERT_EQ(may_follow(*stage_of(last), *stage_of(next), wire::steps(agreed)), wanted)
                    << last << next << " with 0x" << std::hex << agreed;
            }
    }
    EXPECT_EQ(allowed + dropped, 512u * letters.size() * letters.size());
    EXPECT_GT(allowed, 0u);
    EXPECT_GT(dropped, 0u);
}

TEST(stage, that_repeats_a_refused_data_would_be_dropped) { // protocol 6.2 consequence 5
    EXPECT_FALSE(may_follow(stage::helo, stage::data, {}));
    EXPECT_FALSE(may_follow(stage::data, stage::data, {}));
}

TEST(stage, of_an_unknown_command_inside_a_transaction_hurts_a_filter_without_data) { // consequence 4
    for (auto const next : {stage::header, stage::end_of_headers, stage::end_of_message})
        EXPECT_FALSE(may_follow(stage::unknown, next, wire::step::no_data));
    EXPECT_TRUE(may_follow(stage::unknown, stage::data, {}));
}

TEST(stage, has_the_letter_and_the_bits_of_the_protocol) { // protocol 2.1, 2.4
    for (char const letter : letters) {
        auto const at = stage_of(letter);
        ASSERT_TRUE(at) << letter;
        EXPECT_EQ(code_of(*at), letter);
        EXPECT_EQ(name_of(*at), wire::command_name(letter));
        auto const bit = [letter](auto const& bits) {
            auto const found = bits.find(letter);
            return wire::steps(found == bits.end() ? 0 : found->second);
        };
        EXPECT_EQ(opt_out_of(*at), bit(opt_outs)) << letter;
        EXPECT_EQ(silence_of(*at), bit(silences)) << letter;
    }
}

TEST(stage, is_none_for_commands_that_are_no_event) {
    for (int code = 0; code < 256; ++code) {
        char const letter = static_cast<char>(code);
        EXPECT_EQ(stage_of(letter).has_value(), letter != 0 && letters.find(letter) != letters.npos) << code;
    }
}

TEST(stage, has_the_macro_list_of_its_number) { // protocol 2.5: 5 is the end of message, 6 that of headers
    std::map<char, std::uint32_t> const numbers{{'C', 0}, {'H', 1}, {'M', 2}, {'R', 3},
                                                {'T', 4}, {'E', 5}, {'N', 6}};
    for (char const letter : letters) {
        auto const list = macros_of(*stage_of(letter));
        auto const wanted = numbers.find(letter);
        ASSERT_EQ(list.has_value(), wanted != numbers.end()) << letter;
        if (list) {
            EXPECT_EQ(static_cast<std::uint32_t>(*list), wanted->second) << letter;
        }
    }
}

} // namespace
} // namespace milter::core::test
