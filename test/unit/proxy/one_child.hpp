// A child that listens on a unix socket, for tests on one thread: what it has been told is read when it is
// asked for, and it says only what the test says. A fixture that waits for events.
#pragma once

#include "core/policy.hpp"
#include "io/listener.hpp"
#include "observe/log.hpp"

#include "support/words.hpp"
#include "unit/io/peer.hpp"
#include "unit/observe/temporary.hpp"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <dirent.h>

namespace milter::proxy::test {

using io::test::descriptor;

// The other end of one connection to the child, or of the MTA's.
class conversation {
public:
    conversation(descriptor socket, bool is_mta = false) : socket_(std::move(socket)), is_mta_(is_mta) {}

    // The words of all packets that have arrived, each on a line.
    std::string const& told() {
        auto const bytes = socket_.read();
        auto const room = reader_.space(bytes.size() + 1);
        bytes.copy(room.data(), bytes.size());
        reader_.filled(bytes.size());
        for (auto next = reader_.next(); next && *next; next = reader_.next())
            words_ +=
                (is_mta_ ? milter::test::words_of_reply(**next) : milter::test::words_of_command(**next)) +
                "\n";
        return words_;
    }
    void says(std::string_view line) const {
        std::string bytes;
        auto const written =
            is_mta_ ? milter::test::write_command(line, bytes) : milter::test::write_reply(line, bytes);
        ASSERT_TRUE(written) << written.error();
        socket_.write(bytes);
    }
    void closes() { socket_.close(); }
    bool closed() {
        told();
        return socket_.closed();
    }

private:
    descriptor socket_;
    bool is_mta_;
    wire::frame_reader reader_{1 << 24};
    std::string words_;
};

class with_one_child : public io::test::on_a_context {
protected:
    with_one_child() {
        observe::log_settings settings;
        settings.path = folder / "log";
        settings.console = observe::levels::all();
        log = std::move(observe::log::open(settings).value());
        child.name = "scan";
        child.where = wire::endpoint::parse("unix:" + (folder / "scan.sock")).value();
        child.pool_size = 1;
        listen();
    }
    void listen() { listening = descriptor(io::open_listener(child.where, {}).value()); }
    void stop_listening() { listening.close(); }

    // The next connection to the child.
    std::unique_ptr<conversation> connected() {
        int peer = -1;
        until([&] { return (peer = ::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0; });
        return std::make_unique<conversation>(descriptor(peer));
    }
    bool nobody_connects() {
        settle();
        int const peer = ::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC);
        descriptor const closes(peer);
        return peer < 0;
    }
    void until_told(conversation& who, std::string const& words) {
        until([&] { return who.told() == words; });
        ASSERT_EQ(who.told(), words);
    }
    std::string logged() const {
        std::ifstream file(folder / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static std::size_t open_descriptors() {
        std::size_t count = 0;
        auto* const all = ::opendir("/proc/self/fd");
        while (::readdir(all) != nullptr)
            ++count;
        ::closedir(all);
        return count;
    }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    core::child_policy child;
    descriptor listening;
};

} // namespace milter::proxy::test
