// The text of the control socket (tools G): what becomes of bytes, however they are cut, and up to which
// size.
#include "daemon/control/protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

namespace milter::daemon::control {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// "status", "disable:one", "error: ...", "end: ..." of everything that the bytes are.
std::vector<std::string> heard(request_reader& reader) {
    std::vector<std::string> all;
    while (auto const one = reader.next()) {
        if (!*one)
            all.push_back((one->error().closes ? "end: " : "error: ") + one->error().what);
        else
            all.push_back(std::string(name_of((*one)->what)) +
                          ((*one)->argument.empty() ? "" : ":" + (*one)->argument));
    }
    return all;
}

std::vector<std::string> heard(std::string const& bytes) {
    request_reader reader;
    reader.add(bytes);
    return heard(reader);
}

std::string packet(std::string const& content) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(content.size() >> shift & 0xFF);
    return bytes + content;
}

std::string line(std::string const& members) {
    return "{\"command\":" + members + "}\n";
}

TEST(ControlProtocol, every_command_of_a_line) {
    EXPECT_THAT(heard(line(R"("ping")") + line(R"("version")") + line(R"("status")") + line(R"("sessions")") +
                      line(R"("reload")") + line(R"("stop")") + line(R"("log-level")") +
                      line(R"("log-level","level":"+debug")") + line(R"("disable","child":"a b")") +
                      line(R"("enable","child":"x")") + line(R"("explain","message":"4XyZ")") +
                      line(R"("configuration")") + line(R"("get-configuration")")),
                ElementsAre("ping", "version", "status", "sessions", "reload", "stop", "log-level",
                            "log-level:+debug", "disable:a b", "enable:x", "explain:4XyZ", "configuration",
                            "get-configuration"));
}

TEST(ControlProtocol, members_of_requests) {
    request_reader reader;
    reader.add(line(R"("stop","now":true)") + line(R"("sessions","limit":3,"id":"x")") +
               line(R"("log-level")") + line(R"("log-level","level":"")"));
    EXPECT_TRUE(reader.next()->value().now);
    auto const sessions = reader.next()->value();
    EXPECT_EQ(sessions.limit, 3U);
    EXPECT_EQ(sessions.id, "x");
    EXPECT_EQ(reader.next()->value().what, command::get_log_level);
    EXPECT_EQ(reader.next()->value().what, command::set_log_level);
}

TEST(ControlProtocol, a_wrong_line_is_answered_and_the_next_one_read) {
    EXPECT_THAT(heard("{]\n" + line(R"("nonsense")") + line("7") + "{}\n[]\n\"x\"\n" +
                      line(R"("ping","child":"x")") + line(R"("disable")") + line(R"("disable","child":7)") +
                      line(R"("stop","now":"yes")") + line(R"("sessions","limit":0)") +
                      line(R"("ping","id":[])") + "\r\n \n" + line(R"("ping")")),
                ElementsAre("error: not JSON: syntax error", R"(error: there is no command "nonsense")",
                            HasSubstr("\"command\" is missing"), HasSubstr("\"command\" is missing"),
                            HasSubstr("a request is an object"), HasSubstr("a request is an object"),
                            R"(error: "ping" has no "child")", HasSubstr(R"("disable" needs "child")"),
                            R"(error: "child" must be a string)", R"(error: "now" must be true or false)",
                            R"(error: "limit" must be a positive integer)",
                            R"(error: "id" must be a string or a number)", "ping"));
}

TEST(ControlProtocol, deep_json_and_broken_utf_8_are_errors) {
    EXPECT_THAT(heard("{" + std::string(1000, '[') + "\n{\"command\":\"\xFF\"}\n" + line(R"("ping")")),
                ElementsAre(HasSubstr("not JSON"), HasSubstr("not JSON"), "ping"));
}

TEST(ControlProtocol, the_longest_line_is_read_and_a_longer_one_ends_it) {
    auto const longest = request_reader::longest_line;
    auto text = line(R"("ping")");
    text.insert(1, longest + 1 - text.size(), ' '); // with its end one more
    EXPECT_THAT(heard(text + line(R"("version")")), ElementsAre("ping", "version"));
    text.insert(1, 1, ' ');
    EXPECT_THAT(heard(text + line(R"("version")")), ElementsAre("end: a line of more than 65536 bytes"));
    EXPECT_THAT(heard("{" + std::string(longest, 'x')), ElementsAre("end: a line of more than 65536 bytes"));
    EXPECT_THAT(heard("{" + std::string(longest - 1, 'x')), ElementsAre());
}

TEST(ControlProtocol, every_packet_of_the_older_program) {
    EXPECT_THAT(heard(packet("get-configuration") + packet("get-configuration\0"s) +
                      packet("set-configuration\0<configuration/>"s) + packet("reload\0"s) +
                      packet("get-status") + packet("stop-child\0one"s) + packet("stop-child\0one\0"s)),
                ElementsAre("get-configuration", "get-configuration", "set-configuration:<configuration/>",
                            "reload", "status", "disable:one", "disable:one"));
}

TEST(ControlProtocol, packets_that_end_the_conversation) {
    for (auto const& bytes :
         {packet("ping"), packet(""), packet("\0"s), packet("stop\0"s), "GET / HTTP/1.0\r\n"s, "\n"s,
          "\xFF\xFF\xFF\xFF"s, "\0\x10\0\x01"s, " {\"command\":\"ping\"}\n"s}) {
        request_reader reader;
        reader.add(bytes + packet("reload"));
        EXPECT_THAT(heard(reader), ElementsAre("end: ")) << bytes;
        reader.add(packet("reload"));
        EXPECT_THAT(heard(reader), ElementsAre()) << bytes;
        EXPECT_EQ(encode(reader.speaks(), mistake{"", true, {}}), "");
    }
}

TEST(ControlProtocol, the_longest_packet_is_read) {
    auto const name = "set-configuration\0"s;
    auto const xml = std::string(request_reader::longest_packet - name.size(), 'x');
    EXPECT_THAT(heard(packet(name + xml)), ElementsAre("set-configuration:" + xml));
    EXPECT_THAT(heard(packet(name + xml + "x")), ElementsAre("end: "));
}

TEST(ControlProtocol, bytes_one_by_one_are_the_same_as_together) {
    for (auto const& bytes : {line(R"("disable","child":"x")") + "\n{}\n" + line(R"("ping")"),
                              packet("reload") + packet("stop-child\0x"s)}) {
        request_reader reader;
        std::vector<std::string> all;
        for (char const one : bytes) {
            reader.add({&one, 1});
            for (auto& each : heard(reader))
                all.push_back(std::move(each));
        }
        EXPECT_EQ(all, heard(bytes));
    }
}

TEST(ControlProtocol, a_dialect_stays_what_it_was) {
    EXPECT_THAT(heard(line(R"("ping")") + packet("reload") + "\n" + line(R"("ping")")),
                ElementsAre("ping", HasSubstr("not JSON"), "ping"));
    EXPECT_THAT(heard(packet("reload") + line(R"("ping")")), ElementsAre("reload", "end: "));
}

TEST(ControlProtocol, answers_in_lines) {
    request asked;
    asked.id = 7;
    EXPECT_EQ(encode(dialect::json, asked, {true, "", {{"level", "a\nb"}}}),
              "{\"ok\":true,\"level\":\"a\\nb\",\"id\":7}\n");
    EXPECT_EQ(encode(dialect::json, asked, {false, "no", {}}), "{\"ok\":false,\"error\":\"no\",\"id\":7}\n");
    EXPECT_EQ(encode(dialect::json, mistake{"what", true, "x"}),
              "{\"ok\":false,\"error\":\"what\",\"id\":\"x\"}\n");
    asked.id = nullptr;
    EXPECT_EQ(encode(dialect::json, asked, {}), "{\"ok\":true}\n");
}

TEST(ControlProtocol, answers_in_packets) {
    auto const to = [](command what) {
        request one;
        one.what = what;
        return one;
    };
    EXPECT_EQ(encode(dialect::packets, to(command::reload), {}), packet("success\0"s));
    EXPECT_EQ(encode(dialect::packets, to(command::disable), {false, "no such", {}}),
              packet("error\0no such"s));
    EXPECT_EQ(encode(dialect::packets, to(command::get_xml), {true, "", {{"text", "<x/>"}}}),
              packet("configuration\0<x/>"s));
    EXPECT_EQ(encode(dialect::packets, to(command::status), {true, "", {{"pid", 7}}}),
              packet("status\0{\"pid\":7}"s));
}

TEST(ControlProtocol, only_what_changes_something_is_noted) {
    for (auto const one : {command::reload, command::stop, command::set_log_level, command::disable,
                           command::enable, command::set_xml}) {
        EXPECT_TRUE(changes_something(one));
        EXPECT_NE(name_of(one), "");
    }
    for (auto const one : {command::ping, command::version, command::status, command::sessions,
                           command::get_log_level, command::configuration, command::get_xml})
        EXPECT_FALSE(changes_something(one));
}

} // namespace
} // namespace milter::daemon::control
