#include "daemon/owned_file.hpp"

#include "unit/observe/temporary.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace milter::daemon::test {
namespace {

namespace fs = std::filesystem;

struct an_owned_file : testing::Test {
    static void make(std::string const& path) { std::ofstream(path) << "x"; }
    milter::test::temporary_folder folder;
};

TEST_F(an_owned_file, is_removed_once) {
    make(folder / "a");
    owned_file const file(folder / "a");
    EXPECT_EQ(file.remove(), 0);
    EXPECT_FALSE(fs::exists(folder / "a"));
    make(folder / "b"); // another file gets the same name
    fs::rename(folder / "b", folder / "a");
    EXPECT_EQ(file.remove(), 0);
}

TEST_F(an_owned_file, is_not_another_one_in_its_place) {
    make(folder / "a");
    owned_file const file(folder / "a");
    make(folder / "b");
    fs::rename(folder / "b", folder / "a");
    EXPECT_EQ(file.remove(), 0);
    EXPECT_TRUE(fs::exists(folder / "a"));
}

TEST_F(an_owned_file, is_not_where_a_link_in_place_of_its_directory_leads) {
    fs::create_directory(folder / "own");
    fs::create_directory(folder / "other");
    make(folder / "own/a");
    make(folder / "other/a");
    owned_file const file(folder / "own/a");
    fs::rename(folder / "own", folder / "away");
    fs::create_directory_symlink(folder / "other", folder / "own");
    EXPECT_EQ(file.remove(), 0);
    EXPECT_TRUE(fs::exists(folder / "other/a"));
    EXPECT_FALSE(fs::exists(folder / "away/a"));
}

TEST_F(an_owned_file, may_be_none) {
    EXPECT_EQ(owned_file().remove(), 0);
    owned_file const missing(folder / "missing");
    make(folder / "missing");
    EXPECT_EQ(missing.remove(), 0);
    EXPECT_TRUE(fs::exists(folder / "missing"));
    EXPECT_EQ(missing.directory(), -1);
}

} // namespace
} // namespace milter::daemon::test
