// Listening sockets: what is in the way, who may use them, accepting and leaving alone.
#include "io/listener.hpp"

#include "unit/io/peer.hpp"
#include "unit/observe/temporary.hpp"

#include <fstream>
#include <memory>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace {

// The modes that files had when their mode was about to be changed.
std::vector<mode_t>& modes_before_a_change() {
    static std::vector<mode_t> all;
    return all;
}

} // namespace

// In place of the system's, for this program.
extern "C" int chmod(char const* path, mode_t mode) noexcept {
    struct stat file {};
    if (::lstat(path, &file) == 0) modes_before_a_change().push_back(file.st_mode & 07777);
    return ::fchmodat(AT_FDCWD, path, mode, 0);
}

namespace milter::io::test {
namespace {

using testing::HasSubstr;
using kind = wire::endpoint::kind;

class listening : public on_a_context {
protected:
    wire::endpoint path(std::string const& name = "a.sock") const {
        return {kind::unix_socket, folder / name, 0, ""};
    }
    static descriptor open(wire::endpoint const& where, listen_options const& options = {}) {
        auto const opened = open_listener(where, options);
        EXPECT_TRUE(opened) << opened.error();
        return descriptor(opened.value_or(-1));
    }
    static std::string failure(wire::endpoint const& where, listen_options const& options = {}) {
        auto const opened = open_listener(where, options);
        if (!opened) return opened.error();
        ::close(*opened);
        return "it listens";
    }
    // A client, connected or negative.
    static descriptor call(wire::endpoint const& where) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        where.path.copy(address.sun_path, sizeof address.sun_path - 1);
        descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(client.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
            client.close();
        return client;
    }
    static struct stat about(wire::endpoint const& where) {
        struct stat file {};
        EXPECT_EQ(::lstat(where.path.c_str(), &file), 0);
        return file;
    }
    static int to_read(io::descriptor const& from) {
        int bytes = 0;
        EXPECT_EQ(::ioctl(from.number(), FIONREAD, &bytes), 0);
        return bytes;
    }
    // Accepts on a descriptor; counts and keeps.
    void serve(descriptor socket) {
        int const raw = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0);
        one = std::make_unique<listener>(
            context, raw,
            [this](io::descriptor peer) {
                accepted.push_back(std::move(peer));
                if (when_accepted) when_accepted();
            },
            [this](std::string const& why) { troubles.push_back(why); });
        one->start();
    }
    void until_accepted(std::size_t n) {
        until([&] { return accepted.size() >= n; });
        settle();
        EXPECT_EQ(accepted.size(), n);
    }

    milter::test::temporary_folder folder;
    std::vector<io::descriptor> accepted;
    std::vector<std::string> troubles;
    std::function<void()> when_accepted;
    std::unique_ptr<listener> one;
};

TEST_F(listening, replaces_a_unix_socket_that_nobody_serves) { // configuration 4
    open(path());                                              // closed again; the file stays
    ASSERT_LT(call(path()).get(), 0);
    auto const again = open(path());
    EXPECT_GE(call(path()).get(), 0);
}

TEST_F(listening, does_not_take_a_unix_socket_from_one_who_serves_it) {
    auto const first = open(path());
    EXPECT_THAT(failure(path()),
                testing::AllOf(HasSubstr(path().text()), HasSubstr("another program listens")));
    EXPECT_GE(call(path()).get(), 0); // the first still does
}

TEST_F(listening, does_not_take_a_unix_socket_from_one_who_is_overrun) {
    listen_options few;
    few.backlog = 0;
    auto const first = open(path(), few);
    auto const fill = call(path());
    EXPECT_THAT(failure(path()), HasSubstr("another program listens"));
}

TEST_F(listening, leaves_a_stale_unix_socket_when_it_must_not_remove_it) {
    open(path());
    listen_options keep;
    keep.remove_stale = false;
    EXPECT_THAT(failure(path(), keep), HasSubstr("in use"));
    EXPECT_TRUE(S_ISSOCK(about(path()).st_mode));
}

TEST_F(listening, never_removes_what_is_no_socket) {
    std::ofstream(path().path) << "precious";
    EXPECT_THAT(failure(path()), HasSubstr("in use"));
    EXPECT_EQ(milter::test::lines_of(path().path), std::vector<std::string>{"precious"});
    auto const link = path("link");
    ASSERT_EQ(::symlink(path().path.c_str(), link.path.c_str()), 0);
    EXPECT_THAT(failure(link), HasSubstr("in use"));
    EXPECT_TRUE(S_ISLNK(about(link).st_mode));
}

TEST_F(listening, gives_a_unix_socket_its_mode_and_group) {
    for (std::uint32_t const mode : {0600u, 0660u, 0666u, 0777u}) {
        listen_options options;
        options.unix_mode = mode;
        group const* const mine = ::getgrgid(::getegid());
        ASSERT_NE(mine, nullptr);
        options.unix_group = mine->gr_name;
        auto const socket = open(path(), options);
        EXPECT_EQ(about(path()).st_mode & 0777u, mode);
        EXPECT_EQ(about(path()).st_gid, ::getegid());
    }
}

// Whatever the umask: nobody can use it who could not later.
TEST_F(listening, never_lets_a_unix_socket_be_wider_open_than_in_the_end) {
    auto const before = ::umask(0);
    for (std::uint32_t const mode : {0600u, 0660u, 0606u, 0777u})
        for (bool const with_group : {false, true}) {
            modes_before_a_change().clear();
            listen_options options;
            options.unix_mode = mode;
            if (with_group) options.unix_group = ::getgrgid(::getegid())->gr_name;
            auto const socket = open(path(), options);
            EXPECT_EQ(about(path()).st_mode & 0777u, mode);
            ASSERT_EQ(modes_before_a_change().size(), 1u);
            auto const at_first = modes_before_a_change().front();
            EXPECT_EQ(at_first & ~mode, 0u) << std::oct << at_first << " before " << mode;
            // Its group is not the one that is meant, yet.
            EXPECT_EQ(with_group ? at_first & 0070u : 0u, 0u);
        }
    ::umask(before);
}

TEST_F(listening, gives_a_unix_socket_its_mode_under_any_umask) {
    auto const before = ::umask(0777);
    listen_options options;
    options.unix_mode = 0660;
    auto const socket = open(path(), options);
    ::umask(before);
    EXPECT_EQ(about(path()).st_mode & 0777u, 0660u);
}

TEST_F(listening, names_what_is_wrong) {
    listen_options options;
    options.unix_group = "no-such-group";
    EXPECT_THAT(failure(path(), options),
                testing::AllOf(HasSubstr(path().text()), HasSubstr("no-such-group")));
    EXPECT_THAT(failure(path("missing/a.sock")),
                testing::AllOf(HasSubstr("missing/a.sock"), HasSubstr("No such file")));
    auto const first = open({kind::inet, "", 0, "127.0.0.1"});
    wire::endpoint const taken{kind::inet, "", bound_port(first.get()), "127.0.0.1"};
    EXPECT_THAT(failure(taken), testing::AllOf(HasSubstr(taken.text()), HasSubstr("in use")));
    EXPECT_THAT(failure({kind::inet, "", 0, "::1"}), HasSubstr("::1")); // no address of that family
    // Its zone is understood; only that address is not there.
    EXPECT_THAT(failure({kind::inet6, "", 0, "fe80::1%lo"}), HasSubstr("Cannot assign requested address"));
}

TEST_F(listening, leaves_nothing_behind_that_it_could_not_open) {
    listen_options options;
    options.unix_group = "no-such-group";
    failure(path(), options);
    struct stat file {};
    EXPECT_NE(::lstat(path().path.c_str(), &file), 0);
}

TEST_F(listening, opens_descriptors_that_neither_block_nor_are_inherited) {
    for (auto const& where : {path(), wire::endpoint{kind::inet, "", 0, "127.0.0.1"},
                              wire::endpoint{kind::inet6, "", 0, "::1"}}) {
        auto const socket = open(where);
        EXPECT_NE(::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_NE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
        EXPECT_EQ(bound_port(socket.get()) != 0, where.family != kind::unix_socket);
    }
}

TEST_F(listening, serves_one_port_on_both_families_apart) {
    auto const four = open({kind::inet, "", 0, ""});
    auto const six = open_listener({kind::inet6, "", bound_port(four.get()), ""}, {});
    ASSERT_TRUE(six) << six.error();
    ::close(*six);
}

TEST_F(listening, accepts_all_who_come) {
    serve(open(path()));
    std::vector<descriptor> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(call(path()));
    until_accepted(20);
    clients.push_back(call(path()));
    until_accepted(21);
    clients.front().write("hello");
    char bytes[5];
    until([&] { return to_read(accepted.front()) == 5; });
    EXPECT_EQ(::recv(accepted.front().number(), bytes, 5, MSG_DONTWAIT), 5);
    EXPECT_NE(::fcntl(accepted.front().number(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(listening, gives_connections_that_neither_block_nor_delay) {
    auto const socket = open({kind::inet, "", 0, "127.0.0.1"});
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(bound_port(socket.get()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    descriptor const client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address), 0);
    serve(descriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
    until_accepted(1);
    int at_once = 0;
    socklen_t size = sizeof at_once;
    EXPECT_EQ(::getsockopt(accepted.front().number(), IPPROTO_TCP, TCP_NODELAY, &at_once, &size), 0);
    EXPECT_NE(at_once, 0);
    EXPECT_NE(::fcntl(accepted.front().number(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(listening, leaves_clients_alone_while_it_pauses) {
    serve(open(path()));
    auto const first = call(path());
    until_accepted(1);
    for (int round = 0; round < 3; ++round) {
        accepted.clear();
        one->pause();
        auto const second = call(path());
        ASSERT_GE(second.get(), 0); // the kernel keeps it
        settle();
        EXPECT_TRUE(accepted.empty());
        one->resume();
        until_accepted(1);
    }
}

TEST_F(listening, can_be_paused_by_the_one_who_gets_the_client) {
    serve(open(path()));
    when_accepted = [this] { one->pause(); };
    auto const first = call(path());
    auto const second = call(path());
    until_accepted(1);
    one->resume();
    until_accepted(2);
    one->pause();
    one->resume();
    one->resume();
    when_accepted = nullptr;
    auto const third = call(path());
    until_accepted(3);
}

TEST_F(listening, accepts_nobody_after_a_stop) {
    serve(open(path()));
    auto const client = call(path());
    one->stop();
    one->resume();
    context.restart();
    context.run(); // ends: nothing is waited for
    EXPECT_TRUE(accepted.empty());
    EXPECT_LT(call(path()).get(), 0);
}

TEST_F(listening, can_be_stopped_by_the_one_who_gets_the_client) {
    serve(open(path()));
    when_accepted = [this] { one->stop(); };
    auto const first = call(path());
    auto const second = call(path());
    until([this] { return !accepted.empty(); });
    context.restart();
    context.run();
    EXPECT_EQ(accepted.size(), 1u);
}

TEST_F(listening, ends_with_its_object_also_while_paused_or_about_to_accept) {
    serve(open(path()));
    auto const client = call(path());
    one.reset();
    context.restart();
    context.run();
    EXPECT_TRUE(accepted.empty());
}

TEST_F(listening, can_be_given_up_by_the_one_who_gets_the_client) {
    serve(open(path()));
    when_accepted = [this] { one.reset(); };
    auto const first = call(path());
    auto const second = call(path());
    until([this] { return !accepted.empty(); });
    context.restart();
    context.run();
    EXPECT_EQ(accepted.size(), 1u);
}

TEST_F(listening, shares_a_socket_without_losing_or_doubling_a_client) {
    auto const socket = open(path());
    std::size_t theirs = 0;
    int const raw = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0);
    listener other(
        context, raw, [&](io::descriptor const&) { ++theirs; }, [](std::string const&) {});
    other.start();
    serve(descriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
    std::vector<descriptor> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(call(path()));
        settle();
    }
    until([&] { return theirs + accepted.size() == 50; });
    other.stop();
}

TEST_F(listening, waits_when_descriptors_are_used_up_and_goes_on) {
    serve(open(path()));
    auto const client = call(path());
    until([this] { return troubles.empty(); }); // UBSan needs a descriptor to see a type for the first time
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit const few{3, before.rlim_max}; // less than are open
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    until([this] { return !troubles.empty(); });
    EXPECT_TRUE(accepted.empty());
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_THAT(troubles.front(), HasSubstr("Too many open files"));
    until_accepted(1);
}

TEST_F(listening, accepts_at_its_retirement_whoever_has_connected_and_ends) {
    serve(open(path()));
    one->pause();
    std::vector<descriptor> clients;
    for (int i = 0; i < 5; ++i)
        clients.push_back(call(path()));
    ::unlink(path().path.c_str());
    bool over = false;
    one->retire([&] {
        over = true;
        one.reset();
    });
    one->resume();
    until([&] { return over; });
    EXPECT_EQ(accepted.size(), 5u);
    context.restart();
    context.run(); // ends: nothing is waited for
}

TEST_F(listening, stays_at_its_retirement_until_there_is_place_for_those_who_wait) {
    serve(open(path()));
    auto const client = call(path());
    one->pause();
    bool over = false;
    one->retire([&] { over = true; });
    context.restart();
    context.run(); // until its time has come
    EXPECT_FALSE(over);
    EXPECT_TRUE(accepted.empty());
    one->resume();
    EXPECT_TRUE(over);
    EXPECT_EQ(accepted.size(), 1u);
}

TEST_F(listening, lets_no_newcomer_through_to_a_port_at_its_retirement) {
    auto const socket = open({kind::inet, "", 0, "127.0.0.1"});
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(bound_port(socket.get()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto const come = [&] {
        descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(client.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address);
        return client;
    };
    auto const is_connected = [](descriptor const& client) {
        pollfd wait{client.get(), POLLOUT, 0};
        return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLERR) == 0;
    };
    serve(descriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
    one->pause();
    auto const early = come();
    ASSERT_TRUE(is_connected(early));
    bool over = false;
    one->retire([&] { over = true; });
    auto const late = come();
    one->resume();
    until([&] { return over; });
    EXPECT_EQ(accepted.size(), 1u);
    EXPECT_FALSE(is_connected(late));
    EXPECT_EQ(::send(early.get(), "x", 1, MSG_NOSIGNAL), 1);
    until([&] { return to_read(accepted.front()) == 1; });
}

} // namespace
} // namespace milter::io::test
