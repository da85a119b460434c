// A line over a socketpair: what arrives, how it ends, what has to wait.
#include "io/line.hpp"

#include "unit/io/peer.hpp"

#include <cstdio>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <gmock/gmock.h>

namespace milter::io::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string frame(char code, std::string_view payload) {
    std::string out;
    wire::append_frame(out, code, payload);
    return out;
}

class line_over_a_pair : public on_a_context {
protected:
    void open(std::size_t max_payload = 1000, int send_buffer = 0) {
        int pair[2] = {-1, -1};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        if (send_buffer > 0) {
            ::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
        }
        peer = descriptor(pair[1]);
        ours = std::make_shared<line>(context, user, max_payload);
        ::fcntl(pair[0], F_SETFL, O_NONBLOCK);
        ours->attach(io::descriptor(pair[0]));
    }
    void until_lost() {
        until([this] { return user.why.has_value(); });
        settle();
        EXPECT_EQ(user.losses, 1);
    }
    // Reads at the peer until `size` bytes have come.
    std::string take(std::size_t size) {
        std::string all;
        until([&] {
            settle();
            all += peer.read();
            return all.size() >= size;
        });
        return all;
    }
    ~line_over_a_pair() override {
        if (ours) ours->close();
    }

    heard user;
    std::shared_ptr<line> ours;
    descriptor peer;
};

std::string const two_packets = frame('M', "<a@example.com>") + frame('E', "");

TEST_F(line_over_a_pair, hands_out_whole_packets_out_of_any_chunks) { // protocol 1
    for (std::size_t cut = 1; cut <= two_packets.size(); ++cut) {
        user = {};
        open();
        for (std::size_t at = 0; at < two_packets.size(); at += cut) {
            peer.write(std::string_view(two_packets).substr(at, cut));
            settle();
        }
        until([this] { return user.said.size() == 2; });
        ASSERT_THAT(user.said, ElementsAre("M<a@example.com>", "E")) << cut;
        EXPECT_FALSE(user.why);
        ours->close();
    }
}

TEST_F(line_over_a_pair, tells_when_the_packets_of_one_read_are_through) {
    open();
    peer.write(two_packets + two_packets);
    until([this] { return user.rounds > 0; });
    EXPECT_EQ(user.said.size(), 4u);
    EXPECT_EQ(user.rounds, 1);
}

TEST_F(line_over_a_pair, tells_a_close_between_packets_from_one_inside) { // chain P46: EOF is normal
    for (std::size_t size = 0; size <= two_packets.size(); ++size) {
        user = {};
        open();
        if (size > 0) peer.write(std::string_view(two_packets).substr(0, size));
        peer.close();
        until_lost();
        bool const between =
            size == 0 || size == frame('M', "<a@example.com>").size() || size == two_packets.size();
        ASSERT_EQ(user.why, between ? lost::closed : lost::cut) << size;
        ASSERT_EQ(user.said.size(), size == two_packets.size() ? 2u : size >= 20 ? 1u : 0u) << size;
    }
}

TEST_F(line_over_a_pair, ends_at_what_is_no_packet) { // protocol 1: a length of 0; the reader's limit
    for (auto const& bad : {std::string(4, '\0'),
                            std::string("\0\0\x03\xEA"
                                        "c",
                                        5),
                            std::string("GET / HTTP/1.1\r\n")}) {
        user = {};
        open(1000);
        peer.write(frame('c', "") + bad + frame('a', ""));
        until_lost();
        EXPECT_EQ(user.why, lost::garbage);
        EXPECT_NE(user.detail, "");
        EXPECT_THAT(user.said, ElementsAre("c")); // nothing behind it
        EXPECT_TRUE(peer.closed());
    }
}

TEST_F(line_over_a_pair, takes_a_packet_of_exactly_its_limit) {
    open(1000);
    auto const largest = std::string(1000, 'x');
    peer.write(frame('B', largest));
    until([this] { return !user.said.empty(); });
    EXPECT_THAT(user.said, ElementsAre("B" + largest));
}

TEST_F(line_over_a_pair, writes_nothing_before_a_flush) {
    open();
    ours->send("one");
    ours->queue() += "two";
    settle();
    EXPECT_EQ(peer.read(), "");
    EXPECT_EQ(ours->unsent(), 6u);
    ours->flush();
    EXPECT_EQ(peer.read(), "onetwo");
    EXPECT_EQ(ours->unsent(), 0u);
    settle();
    EXPECT_EQ(user.drained, 0); // it did not have to wait
}

std::string much(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(i * 31 >> 3);
    return bytes;
}

TEST_F(line_over_a_pair, keeps_what_a_slow_peer_does_not_take_and_tells_when_it_has) { // chain P55
    open(1000, 4096);
    auto const bytes = much(1 << 20);
    ours->send(bytes);
    ours->flush();
    EXPECT_TRUE(ours->waiting_to_write());
    auto const left = ours->unsent();
    EXPECT_GT(left, 0u);
    settle();
    EXPECT_EQ(ours->unsent(), left); // the peer has not read
    ours->send("and more");
    ours->flush();
    EXPECT_EQ(user.drained, 0);
    EXPECT_EQ(take(bytes.size() + 8), bytes + "and more");
    until([this] { return user.drained > 0; });
    EXPECT_EQ(user.drained, 1);
    EXPECT_EQ(ours->unsent(), 0u);
    EXPECT_FALSE(ours->waiting_to_write());
}

TEST_F(line_over_a_pair, writes_of_a_file_what_fits_behind_what_is_queued) {
    open(1000, 4096);
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::tmpfile(), &std::fclose);
    auto const bytes = much(1 << 20);
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file.get()), bytes.size());
    ASSERT_EQ(std::fflush(file.get()), 0);
    ours->send("head");
    auto const sent = ours->send_file(::fileno(file.get()), 10, 1000);
    EXPECT_EQ(sent, 1000u);
    auto const more = ours->send_file(::fileno(file.get()), 1010, bytes.size() - 1010);
    EXPECT_LT(more, bytes.size() - 1010); // the peer has not read
    EXPECT_EQ(take(4 + sent + more), "head" + bytes.substr(10, sent + more));
    ours->send(much(1 << 20));
    ours->flush();
    ASSERT_GT(ours->unsent(), 0u);
    EXPECT_EQ(ours->send_file(::fileno(file.get()), 0, 1), 0u) << "something is before it";
}

TEST_F(line_over_a_pair, writes_nothing_of_what_is_no_file) {
    open();
    EXPECT_EQ(ours->send_file(-1, 0, 10), 0u);
    peer = descriptor();
    until_lost();
    EXPECT_EQ(ours->send_file(-1, 0, 10), 0u);
}

TEST_F(line_over_a_pair, reads_while_it_waits_to_write) { // chain P55
    open(1000, 4096);
    ours->send(much(1 << 20));
    ours->flush();
    ASSERT_TRUE(ours->waiting_to_write());
    peer.write(two_packets);
    until([this] { return user.said.size() == 2; });
    EXPECT_TRUE(ours->waiting_to_write());
}

TEST_F(line_over_a_pair, can_write_more_from_its_drained_callback) {
    open(1000, 4096);
    auto const bytes = much(300'000);
    user.when_drained = [&](line& one) {
        if (user.drained > 1) return;
        one.send(bytes);
        one.flush();
    };
    ours->send(bytes);
    ours->flush();
    ASSERT_TRUE(ours->waiting_to_write());
    EXPECT_EQ(take(2 * bytes.size()), bytes + bytes);
    until([this] { return user.drained == 2; });
}

TEST_F(line_over_a_pair, tells_that_a_peer_went_while_it_waited_to_write) {
    open(1000, 4096);
    ours->send(much(1 << 20));
    ours->flush();
    ASSERT_TRUE(ours->waiting_to_write());
    peer.close();
    until_lost();
    EXPECT_EQ(user.drained, 0);
}

TEST_F(line_over_a_pair, hands_out_what_the_peer_said_before_it_went_although_writing_fails) {
    open();
    peer.write(frame('r', ""));
    peer.close();
    ours->send("x");
    ours->flush();
    until_lost();
    EXPECT_THAT(user.said, ElementsAre("r"));
}

TEST_F(line_over_a_pair, still_writes_at_its_close_what_fits) {
    open();
    ours->send(frame('Q', ""));
    ours->close();
    EXPECT_EQ(peer.read(), frame('Q', ""));
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(user.losses, 0); // we closed it
}

TEST_F(line_over_a_pair, writes_nothing_when_discarded) {
    open();
    ours->send(frame('Q', ""));
    ours->discard();
    EXPECT_EQ(peer.read(), "");
    EXPECT_TRUE(peer.closed());
}

TEST_F(line_over_a_pair, says_nothing_after_a_close) {
    open();
    peer.write(two_packets);
    ours->close();
    ours->close();
    ours->send("x");
    ours->flush();
    EXPECT_FALSE(ours->is_open());
    peer.close();
    settle();
    EXPECT_THAT(user.said, IsEmpty());
    EXPECT_EQ(user.losses + user.rounds + user.drained, 0);
}

TEST_F(line_over_a_pair, can_be_closed_and_given_up_from_each_callback) {
    auto const give_up = [this](line& one) {
        one.close();
        ours.reset();
    };
    open();
    user.when_frame = give_up;
    peer.write(two_packets);
    until([this] { return !ours; });
    settle();
    EXPECT_EQ(user.said.size(), 1u); // not the second
    EXPECT_EQ(user.rounds, 0);

    user = {};
    open();
    user.when_done = give_up;
    peer.write(two_packets);
    until([this] { return !ours; });
    settle();
    EXPECT_EQ(user.rounds, 1);

    user = {};
    open();
    user.when_lost = give_up;
    peer.close();
    until([this] { return !ours; });
    settle();
    EXPECT_EQ(user.losses, 1);

    user = {};
    open(1000, 4096);
    user.when_drained = give_up;
    ours->send(much(300'000));
    ours->flush();
    take(300'000);
    until([this] { return !ours; });
    settle();
    EXPECT_EQ(user.drained, 1);
    EXPECT_EQ(user.losses, 0);
}

TEST_F(line_over_a_pair, can_be_closed_from_the_callback_of_another) {
    open();
    auto const first = std::exchange(ours, nullptr);
    auto const first_peer = std::move(peer);
    open();
    user.when_frame = [&](line& one) { (&one == first.get() ? *ours : *first).close(); };
    first_peer.write(frame('c', ""));
    peer.write(frame('c', ""));
    until([this] { return !user.said.empty(); });
    settle();
    EXPECT_THAT(user.said, ElementsAre("c"));
    EXPECT_NE(first->is_open(), ours->is_open());
    first->close();
}

TEST_F(line_over_a_pair, has_words_for_every_end) {
    for (auto const why : {lost::closed, lost::cut, lost::reset, lost::garbage, lost::no_connection})
        EXPECT_NE(describe(why), "");
}

} // namespace
} // namespace milter::io::test
