#include "daemon/launcher.hpp"

#include "unit/daemon/launched.hpp"
#include "unit/observe/temporary.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <sys/stat.h>

#include <gmock/gmock.h>

namespace milter::daemon::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Optional;

std::string text_of(std::string const& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

std::string status_of(pid_t pid, std::string const& key) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
    return "none";
}

std::pair<std::string, std::string> core_limits_of(pid_t pid) {
    auto const text = text_of("/proc/" + std::to_string(pid) + "/limits");
    std::istringstream words(text.substr(text.find("Max core file size") + 18));
    std::pair<std::string, std::string> both;
    words >> both.first >> both.second;
    return both;
}

// Only root may look there: nothing then, which is what is wanted of such a process.
std::optional<std::size_t> descriptors_of(pid_t pid) {
    std::error_code refused;
    auto const all = fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", refused);
    if (::geteuid() != 0) {
        EXPECT_EQ(refused, std::errc::permission_denied);
        return {};
    }
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct the_launcher : testing::Test { // tools F.5
    // Everybody may write there: commands run as another user.
    the_launcher() { ::chmod((folder / ".").c_str(), 0777); }

    milter::test::temporary_folder folder;
};

MATCHER_P2(is, what, index, "") {
    return arg.what == what && arg.index == index;
}

TEST_F(the_launcher, ends_with_the_other_half) {
    launched one({});
    EXPECT_EQ(one.status(), 0);
}

TEST_F(the_launcher, ends_at_anything_that_is_no_request) {
    std::string const launch("launch\0/bin/touch /tmp/x\0root\0", 30);
    for (auto const& packet :
         {std::string("X"), std::string(1, '\0'), launch, std::string(), std::string(70'000, 'L'),
          std::string("L\0\0\0", 4), std::string("S/etc/passwd"), std::string("L\0\0\0\x01", 5),
          std::string("L\xFF\xFF\xFF\xFF")}) {
        launcher_job job;
        job.commands.push_back(shell("touch " + (folder / "ran")));
        launched one(job);
        one.say(packet);
        EXPECT_FALSE(one.reply()) << testing::PrintToString(packet.substr(0, 40));
        EXPECT_EQ(one.status(), 0);
        EXPECT_FALSE(fs::exists(folder / "ran"));
    }
}

TEST_F(the_launcher, does_not_take_a_descriptor_that_is_sent_along) {
    launched one({});
    std::array<char, CMSG_SPACE(sizeof(int))> room{};
    char byte = 'S';
    iovec piece{&byte, 1};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    auto* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    int const standard = STDERR_FILENO;
    std::copy_n(reinterpret_cast<char const*>(&standard), sizeof standard,
                reinterpret_cast<char*>(CMSG_DATA(rights)));
    one.say("S");
    ASSERT_TRUE(one.reply());
    auto const before = descriptors_of(one.pid());
    ASSERT_EQ(::sendmsg(one.process().line.number(), &message, 0), 1);
    ASSERT_TRUE(one.reply());
    EXPECT_EQ(descriptors_of(one.pid()), before);
}

TEST_F(the_launcher, cannot_be_looked_into_from_the_first_moment_on) {
    launched one({});
    EXPECT_EQ(core_limits_of(one.pid()), std::pair("0"s, "0"s));
    EXPECT_EQ(status_of(one.pid(), "NoNewPrivs"), "1");
    EXPECT_EQ(status_of(one.pid(), "Name"), "milter-launcher");
    struct stat about {};
    ASSERT_EQ(::stat(("/proc/" + std::to_string(one.pid()) + "/environ").c_str(), &about), 0);
    EXPECT_EQ(about.st_uid, 0u); // of any user's process that can be dumped it is that user
}

TEST_F(the_launcher, holds_nothing_of_ours) {
    std::ofstream ours(folder / "open");
    launched one({});
    one.say("S");
    ASSERT_TRUE(one.reply());
    EXPECT_EQ(descriptors_of(one.pid()).value_or(5), 5u); // three to /dev/null, the line, the signals
}

TEST_F(the_launcher, does_not_end_at_signals_that_are_meant_for_the_other_half) {
    launched one({});
    one.say("S");
    ASSERT_TRUE(one.reply());
    for (int const number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
        ::kill(one.pid(), number);
    one.say("S");
    EXPECT_THAT(one.reply(), Optional(is(launch_news::done, 0u)));
}

TEST_F(the_launcher, runs_a_command_once_at_a_time) {
    launcher_job job;
    job.commands.push_back(shell("exit 0"));
    job.commands.push_back(shell("echo x >> " + (folder / "ran") + "; exec sleep 60"));
    launched one(job);
    one.ask(1);
    auto const running = one.reply();
    ASSERT_THAT(running, Optional(is(launch_news::running, 1u)));
    for (int i = 0; i < 50; ++i) {
        one.ask(1);
        EXPECT_THAT(one.reply(), Optional(is(launch_news::not_now, 1u)));
    }
    while (text_of(folder / "ran").empty()) // it says so by itself, in its time
        ::usleep(1000);
    ::kill(running->value, SIGKILL);
    auto const ended = one.reply();
    ASSERT_THAT(ended, Optional(is(launch_news::ended, 1u)));
    EXPECT_TRUE(WIFSIGNALED(ended->value));
    EXPECT_EQ(ended->rest_ms, 1000u);
    one.ask(1);
    auto const rests = one.reply();
    ASSERT_THAT(rests, Optional(is(launch_news::not_now, 1u)));
    EXPECT_GT(rests->rest_ms, 0u);
    EXPECT_EQ(text_of(folder / "ran"), "x\n");
}

TEST_F(the_launcher, gives_a_command_a_session_a_user_and_nothing_else) {
    ::setenv("SECRET_OF_THE_TEST", "1", 1);
    std::ofstream ours(folder / "open");
    launcher_job job;
    job.commands.push_back(
        shell("exec > " + (folder / "said") +
              "; /usr/bin/env; ls /proc/self/fd; grep -E '^(Uid|Gid|SigIgn|SigBlk)' /proc/self/status; "
              "readlink /proc/self/fd/0; pwd; umask; echo $(ps -o sid= -p $$) $$; ulimit -c"));
    rlimit before{};
    ::getrlimit(RLIMIT_CORE, &before);
    launched one(job);
    one.ask(0);
    auto const running = one.reply();
    ASSERT_THAT(running, Optional(is(launch_news::running, 0u)));
    auto const ended = one.reply();
    ASSERT_THAT(ended, Optional(is(launch_news::ended, 0u)));
    EXPECT_EQ(ended->value, 0);
    auto const said = text_of(folder / "said");
    EXPECT_THAT(said, HasSubstr("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));
    EXPECT_THAT(said, testing::Not(HasSubstr("SECRET_OF_THE_TEST")));
    EXPECT_THAT(said, HasSubstr("\n0\n1\n2\n3\n")); // 3 is the directory that ls itself reads
    EXPECT_THAT(said, testing::Not(HasSubstr("\n4\n")));
    EXPECT_THAT(said, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
    EXPECT_THAT(said, HasSubstr("\n/dev/null\n/\n0022\n"));
    auto const number = std::to_string(running->value);
    EXPECT_THAT(said, HasSubstr("\n" + number + " " + number + "\n")); // its own session
    EXPECT_THAT(said, testing::EndsWith(before.rlim_cur == RLIM_INFINITY
                                            ? "unlimited\n"
                                            : std::to_string(before.rlim_cur / 512) + "\n"));
    if (::geteuid() != 0) return;
    EXPECT_THAT(said, HasSubstr("Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t"));
}

TEST_F(the_launcher, says_at_which_step_a_command_could_not_be_run) {
    auto const who = shell("").user;
    launcher_job job;
    job.commands.push_back({{"/nonexistent/program"}, who, "a"});
    job.commands.push_back({{"no-program-of-this-name"}, who, "b"});
    job.commands.push_back({{"/etc/passwd"}, who, "c"});
    job.commands.push_back({{"true"}, who, "d"}); // found along the PATH
    launched one(job);
    for (std::uint32_t index : {0u, 1u, 2u}) {
        one.ask(index);
        EXPECT_THAT(one.reply(), Optional(launch_reply{launch_news::not_started, launch_step::exec, index,
                                                       index == 2 ? EACCES : ENOENT, 1000}));
    }
    one.ask(3);
    EXPECT_THAT(one.reply(), Optional(is(launch_news::running, 3u)));
    EXPECT_THAT(one.reply(), Optional(is(launch_news::ended, 3u)));
}

TEST_F(the_launcher, runs_nothing_as_root) {
    if (::geteuid() != 0) {
        launch_command root{{"/bin/true"}, identity{"root", "/", 0, 0, {0}}, "a"};
        launched one({{root}, {}, {}});
        one.ask(0);
        EXPECT_THAT(one.reply(), Optional(is(launch_news::not_started, 0u)));
        return;
    }
    launcher_job job;
    job.commands.push_back({{"/bin/true"}, identity{"root", "/", 0, 0, {0}}, "a"});
    job.commands.push_back({{"/bin/true"}, {}, "b"}); // as the launcher, which is root
    launched one(job);
    for (std::uint32_t index : {0u, 1u}) {
        one.ask(index);
        EXPECT_THAT(one.reply(),
                    Optional(launch_reply{launch_news::not_started, launch_step::user, index, EPERM, 1000}));
    }
}

TEST_F(the_launcher, removes_its_own_files_and_no_others) {
    for (bool const is_replaced : {false, true}) {
        std::ofstream(folder / "socket") << "x";
        launcher_job job;
        job.socket = owned_file(folder / "socket");
        job.pid_file.use(folder / "pid");
        ASSERT_EQ(job.pid_file.write(), 0);
        for (auto const* const name : {"socket", "pid"}) {
            if (!is_replaced) break;
            std::ofstream(folder / "other") << "1\n"; // of the next process
            fs::rename(folder / "other", folder / name);
        }
        launched one(job);
        for (auto const which : {launch_ask::remove_socket, launch_ask::remove_pid_file}) {
            one.say(encode(launch_request{which, 0}));
            EXPECT_THAT(one.reply(), Optional(launch_reply{launch_news::done, launch_step::none, 0, 0, 0}));
        }
        EXPECT_EQ(fs::exists(folder / "socket"), is_replaced);
        EXPECT_EQ(fs::exists(folder / "pid"), is_replaced);
    }
}

} // namespace
} // namespace milter::daemon::test
