// The other end of a line for tests, and a user that remembers what it was told. Waits for events, never for
// time; what does not happen within a long time fails the test.
#pragma once

#include "io/line.hpp"

#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace milter::io::test {

struct heard final : line_user {
    void on_connected(line& one) override {
        said.emplace_back("connected");
        if (when_connected) when_connected(one);
    }
    void on_frame(line& one, wire::frame const& packet) override {
        said.emplace_back(packet.code + std::string(packet.payload));
        if (when_frame) when_frame(one);
    }
    void on_frames_done(line& one) override {
        ++rounds;
        if (when_done) when_done(one);
    }
    void on_drained(line& one) override {
        ++drained;
        if (when_drained) when_drained(one);
    }
    void on_lost(line& one, lost reason, std::string const& text) override {
        ++losses;
        why = reason;
        detail = text;
        EXPECT_FALSE(one.is_open());
        if (when_lost) when_lost(one);
    }

    std::vector<std::string> said;
    int rounds = 0, drained = 0, losses = 0;
    std::optional<lost> why;
    std::string detail;
    std::function<void(line&)> when_connected, when_frame, when_done, when_drained, when_lost;
};

class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    int get() const { return fd_; }

    void write(std::string_view bytes) const {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    }
    // What has arrived, up to `most` bytes, without waiting; empty also when the other side has closed.
    std::string read(std::size_t most = 1 << 20) const {
        std::string bytes(most, '\0');
        auto const n = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
        bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return bytes;
    }
    bool closed() const {
        char byte = 0;
        return ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }

private:
    int fd_ = -1;
};

class on_a_context : public testing::Test {
protected:
    void until(std::function<bool()> const& so) {
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        bool now = so();
        for (; !now && std::chrono::steady_clock::now() < end; now = so()) {
            context.restart();
            context.run_one_for(std::chrono::milliseconds(100));
        }
        ASSERT_TRUE(now);
    }
    // Everything that is ready now.
    void settle() {
        context.restart();
        context.poll();
    }
    asio::io_context context;
};

} // namespace milter::io::test
