// protocol 5.3: how long a macro lives.
#include "filter/macros.hpp"

#include <gmock/gmock.h>

namespace {

using milter::filter::macros;
using testing::Eq;
using testing::Optional;
namespace wire = milter::wire;

class told_macros {
public:
    void tell(char command, std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
        std::string bytes;
        for (auto const& [name, value] : pairs) {
            wire::append_string(bytes, name);
            wire::append_string(bytes, value);
        }
        known.take({command, wire::strings(bytes)});
    }
    macros known;
};

TEST(macros_by_name, are_found_with_and_without_braces) {
    told_macros it;
    it.tell('C', {{"j", "mx"}, {"{daemon_name}", "MTA"}, {"if_name", "lo"}, {"{v}", "1"}});
    EXPECT_THAT(it.known.find("j"), Optional(Eq("mx")));
    EXPECT_THAT(it.known.find("{j}"), Optional(Eq("mx")));
    EXPECT_THAT(it.known.find("daemon_name"), Optional(Eq("MTA")));
    EXPECT_THAT(it.known.find("{daemon_name}"), Optional(Eq("MTA")));
    EXPECT_THAT(it.known.find("{if_name}"), Optional(Eq("lo")));
    EXPECT_THAT(it.known.find("v"), Optional(Eq("1")));
    EXPECT_FALSE(it.known.find("k"));
    EXPECT_FALSE(it.known.find(""));
}

TEST(macros_by_name, come_from_the_latest_stage) {
    told_macros it;
    it.tell('C', {{"i", "connect"}});
    it.tell('M', {{"i", "mail"}});
    it.tell('E', {{"i", "end"}});
    EXPECT_THAT(it.known.find("i"), Optional(Eq("end")));
}

TEST(macros_of_a_stage, are_replaced_as_a_whole) {
    told_macros it;
    it.tell('R', {{"{rcpt_addr}", "a"}, {"{rcpt_host}", "h"}});
    it.tell('R', {{"{rcpt_addr}", "b"}});
    EXPECT_THAT(it.known.find("rcpt_addr"), Optional(Eq("b")));
    EXPECT_FALSE(it.known.find("rcpt_host"));
}

TEST(macros_of_a_stage, stay_when_an_empty_set_comes_or_one_of_a_command_without_a_stage) {
    told_macros it;
    it.tell('N', {{"i", "id"}});
    it.tell('N', {});
    it.tell('L', {{"i", "header"}});
    it.tell('B', {{"i", "body"}});
    it.tell('U', {{"i", "unknown"}});
    EXPECT_THAT(it.known.find("i"), Optional(Eq("id")));
}

TEST(macros_of_a_stage, end_with_an_earlier_command) {
    constexpr std::string_view order = "CHMRTNE";
    for (char const command : std::string_view("CHMR")) {
        told_macros it;
        for (char const stage : order)
            it.tell(stage, {{std::string_view(&stage, 1), "told"}});
        it.known.begin(command);
        for (char const stage : order)
            EXPECT_EQ(it.known.find(std::string_view(&stage, 1)).has_value(),
                      order.find(stage) <= order.find(command))
                << command << " and the macros of " << stage;
    }
}

TEST(macros_of_a_stage, live_on_when_later_commands_come) {
    told_macros it;
    it.tell('C', {{"j", "mx"}});
    it.tell('R', {{"r", "last"}});
    for (char const command : std::string_view("TLNBEAU"))
        it.known.begin(command);
    EXPECT_TRUE(it.known.find("j"));
    EXPECT_TRUE(it.known.find("r"));
    it.known.clear();
    EXPECT_FALSE(it.known.find("j"));
}

} // namespace
