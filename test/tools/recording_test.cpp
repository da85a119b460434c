// What milter-test-client records is read by the reader of the scenarios, and gives the packets that were
// sent.
#include "tools/test_client/output.hpp"
#include "wire/words.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace {

using namespace milter;
using namespace std::literals;

std::string packets_of(std::vector<wire::command> const& all) {
    std::string bytes;
    for (auto const& one : all)
        wire::encode(bytes, one);
    return bytes;
}

TEST(Recording, IsReadBackAsWhatWasSent) {
    auto const path = "/tmp/milter-recording-" + std::to_string(::getpid());
    ASSERT_TRUE(tools::test_client::open_record(path));
    wire::negotiate const offer{6, wire::action::add_headers | wire::action::change_body, wire::all_steps};
    wire::connect const peer{"mx.example.net", '6', 25, "IPv6:2001:db8::1"};
    auto const arguments = "SIZE=1\0X=a b\0"s;
    auto const pairs = "i\0ID 1\0{auth}\0\\n\0"s;
    auto const body = "line\r\n \x01\xff\\ tail "s;

    tools::test_client::recording record;
    record.command(offer);
    record.command(peer);
    std::vector<filter::macro_value> const told{{"i", "ID 1"}, {"auth", "\\n"}};
    record.macros('M', told);
    record.command(wire::mail{"<a b@x>", wire::strings(arguments)});
    record.command(wire::rcpt{"<c@d>", {}});
    record.command(wire::data{});
    record.command(wire::header{"Subject", " folded\n\tvalue: with "});
    record.command(wire::end_of_headers{});
    record.command(wire::body{body});
    record.command(wire::unknown{" odd  "});
    record.command(wire::end_of_message{});
    record.command(wire::abort{});
    record.command(wire::quit{});
    record.write(1);

    std::ifstream file(path);
    std::string read;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("mta ") || line == "mta connects") continue;
        auto const written = wire::write_command(std::string_view(line).substr(4), read);
        EXPECT_TRUE(written) << line << ": " << written.error();
    }
    ::unlink(path.c_str());
    EXPECT_EQ(read, packets_of({offer, peer, wire::macros{'M', wire::strings(pairs)},
                                wire::mail{"<a b@x>", wire::strings(arguments)}, wire::rcpt{"<c@d>", {}},
                                wire::data{}, wire::header{"Subject", " folded\n\tvalue: with "},
                                wire::end_of_headers{}, wire::body{body}, wire::unknown{" odd  "},
                                wire::end_of_message{}, wire::abort{}, wire::quit{}}));
}

} // namespace
