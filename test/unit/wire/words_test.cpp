// Commands as words: whole ones are read back as the packet that they were.
#include "unit/wire/generate.hpp"
#include "wire/words.hpp"

#include <gtest/gtest.h>

namespace milter::wire::test {
namespace {

std::string bytes_of(command const& what) {
    std::string bytes;
    encode(bytes, what);
    return bytes;
}

std::string read_back(command const& what) {
    std::string bytes;
    auto const line = whole_words_of(what);
    EXPECT_EQ(line.find_first_of("\n\r"), line.npos) << line;
    auto const written = write_command(line, bytes);
    EXPECT_TRUE(written) << line << ": " << written.error();
    return bytes;
}

// An address and a parameter have at least a byte each, a command for macros is one of SMTP's.
bool is_sent_by_an_mta(command const& what) {
    auto const no_empty_word = [](std::string_view address, strings more) {
        bool all = !address.empty();
        while (auto const one = more.next())
            all = all && !one->empty();
        return all;
    };
    if (auto const* const sender = std::get_if<mail>(&what))
        return no_empty_word(sender->address, sender->arguments);
    if (auto const* const recipient = std::get_if<rcpt>(&what))
        return no_empty_word(recipient->address, recipient->arguments);
    if (auto const* const told = std::get_if<macros>(&what))
        return told->for_command >= 'A' && told->for_command <= 'Z';
    return true;
}

TEST(words, of_every_random_command_give_its_packet_back) {
    generator random(4711);
    std::size_t compared = 0;
    for (std::size_t round = 0; round < 2000; ++round)
        for (std::size_t kind = 0; kind < std::variant_size_v<command>; ++kind) {
            auto const one = random.command(kind);
            if (!is_sent_by_an_mta(one)) continue;
            ++compared;
            ASSERT_EQ(read_back(one), bytes_of(one)) << whole_words_of(one);
        }
    EXPECT_GT(compared, 20'000U);
}

TEST(words, stand_as_one_writes_them) {
    EXPECT_EQ(whole_words_of(connect{"mx.example.net", '6', 25, "IPv6:2001:db8::1"}),
              "connect mx.example.net IPv6:2001:db8::1 25");
    EXPECT_EQ(whole_words_of(connect{"mx.example.net", 'U', 0, {}}), "connect mx.example.net");
    EXPECT_EQ(whole_words_of(mail{"<a b@example.com>", {}}), "mail <a\\x20b@example.com>");
    EXPECT_EQ(whole_words_of(header{"A:B", " c: d "}), "header A\\x3aB:\\x20c: d\\x20");
    auto const long_text = std::string(500, 'x');
    EXPECT_EQ(whole_words_of(body{long_text}), "body " + long_text);
}

TEST(words, of_what_a_milter_says_are_read_too) {
    for (std::string_view const line :
         {"add-recipient-with-args <a@b> NOTIFY=NEVER", "change-sender <a@b> SIZE=1", "add-header A: b"}) {
        std::string bytes;
        ASSERT_TRUE(write_reply(line, bytes)) << line;
        EXPECT_EQ(words_of_reply({bytes.at(4), std::string_view(bytes).substr(5)}), line);
    }
}

} // namespace
} // namespace milter::wire::test
