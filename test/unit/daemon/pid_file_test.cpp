#include "daemon/pid_file.hpp"

#include "unit/observe/temporary.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

namespace milter::daemon::test {
namespace {

namespace fs = std::filesystem;

struct a_pid_file : testing::Test { // tools F.2
    milter::test::temporary_folder folder;
};

TEST_F(a_pid_file, has_the_number_until_it_goes) {
    {
        pid_file file;
        file.use(folder / "pid");
        EXPECT_FALSE(fs::exists(folder / "pid"));
        EXPECT_EQ(file.write(), 0);
        EXPECT_THAT(milter::test::lines_of(folder / "pid"), testing::ElementsAre(std::to_string(::getpid())));
        EXPECT_EQ(file.write(), 0);
    }
    EXPECT_TRUE(fs::is_empty(folder / "."));
}

TEST_F(a_pid_file, takes_the_place_of_a_link_and_not_of_what_it_leads_to) {
    std::ofstream(folder / "other") << "x\n";
    fs::create_symlink(folder / "other", folder / "pid");
    pid_file file;
    file.use(folder / "pid");
    EXPECT_EQ(file.write(), 0);
    EXPECT_THAT(milter::test::lines_of(folder / "other"), testing::ElementsAre("x"));
    EXPECT_FALSE(fs::is_symlink(folder / "pid"));
}

TEST_F(a_pid_file, is_not_where_a_link_in_place_of_its_directory_leads) {
    fs::create_directory(folder / "own");
    fs::create_directory(folder / "other");
    pid_file file;
    file.use(folder / "own/pid");
    fs::rename(folder / "own", folder / "away");
    fs::create_directory_symlink(folder / "other", folder / "own");
    EXPECT_EQ(file.write(), 0);
    EXPECT_TRUE(fs::is_empty(folder / "other"));
    EXPECT_TRUE(fs::exists(folder / "away/pid"));
}

TEST_F(a_pid_file, that_is_another_processes_stays) {
    pid_file file;
    file.use(folder / "pid");
    EXPECT_EQ(file.write(), 0);
    std::ofstream(folder / "pid") << "1\n";
    EXPECT_EQ(file.remove(), 0);
    EXPECT_TRUE(fs::exists(folder / "pid"));
    pid_file left;
    left.use(folder / "left");
    EXPECT_EQ(left.write(), 0);
    left.leave();
    EXPECT_EQ(left.remove(), 0);
    EXPECT_TRUE(fs::exists(folder / "left"));
}

TEST_F(a_pid_file, never_takes_the_place_of_what_is_no_file) {
    auto const path = folder / "pid";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    {
        pid_file file;
        file.use(path);
        EXPECT_EQ(file.write(), EEXIST);
    }
    EXPECT_TRUE(fs::is_fifo(path));
    fs::remove(path);
    fs::create_directory(path);
    pid_file file;
    file.use(path);
    EXPECT_EQ(file.write(), EISDIR);
    EXPECT_TRUE(fs::is_directory(path));
}

TEST_F(a_pid_file, says_why_it_cannot_be_written) {
    pid_file file;
    file.use("/nonexistent/pid");
    EXPECT_EQ(file.write(), ENOENT);
    EXPECT_EQ(file.failure(ENOENT), "failed to create PID file: /nonexistent/pid: No such file or directory");
}

} // namespace
} // namespace milter::daemon::test
