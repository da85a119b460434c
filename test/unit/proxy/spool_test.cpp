// The kept bodies: in memory up to a limit, then in files without a name.
#include "proxy/spool.hpp"

#include "unit/observe/temporary.hpp"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::proxy::test {
namespace {

namespace fs = std::filesystem;

// Bytes that tell where they stand, NUL and 8-bit among them.
std::string pattern(std::size_t size, std::size_t from = 0) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(((from + i) * 2654435761u) >> 13);
    return bytes;
}

class spooled : public testing::Test {
protected:
    std::size_t entries() const {
        auto const all = fs::directory_iterator(folder / "");
        return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
    }
    static void append(spool& to, std::uint32_t body, std::string_view bytes) {
        auto const done = to.append(body, bytes);
        ASSERT_TRUE(done) << done.error();
    }
    static std::string read(spool& from, std::uint32_t body, std::uint64_t offset, std::size_t size) {
        std::string out = "before";
        auto const done = from.read(body, offset, size, out);
        EXPECT_TRUE(done) << done.error();
        EXPECT_EQ(out.substr(0, 6), "before");
        return out.substr(6);
    }
    milter::test::temporary_folder folder;
};

TEST_F(spooled, bodies_stay_in_memory_up_to_the_limit) { // chain P32
    spool bodies(1000, folder / "");
    append(bodies, 1, pattern(999));
    append(bodies, 1, pattern(1, 999));
    EXPECT_EQ(bodies.in_memory(), 1000u);
    EXPECT_EQ(bodies.files(), 0u);
    EXPECT_EQ(read(bodies, 1, 0, 1000), pattern(1000));
    append(bodies, 1, pattern(1, 1000)); // one too many
    EXPECT_EQ(bodies.in_memory(), 0u);
    EXPECT_EQ(bodies.files(), 1u);
    EXPECT_EQ(read(bodies, 1, 0, 1001), pattern(1001));
}

TEST_F(spooled, bodies_read_the_same_from_memory_and_file) { // chain P31: NUL and 8-bit transparent
    for (std::size_t const size : {1u, 2u, 63u, 64u, 65u, 65534u, 65535u, 65536u, 131070u, 300000u})
        for (std::size_t const piece : {1u, 64u, 65535u, 1000000u}) {
            if (size / piece > 70000) continue;
            spool bodies(64, folder / "");
            auto const all = pattern(size);
            for (std::size_t at = 0; at < size; at += piece)
                append(bodies, 7, std::string_view(all).substr(at, piece));
            EXPECT_EQ(bodies.files(), size > 64 ? 1u : 0u);
            ASSERT_EQ(read(bodies, 7, 0, size), all) << size << " in pieces of " << piece;
            EXPECT_EQ(read(bodies, 7, size - 1, 1), all.substr(size - 1));
            EXPECT_EQ(read(bodies, 7, size / 2, size - size / 2), all.substr(size / 2));
        }
}

TEST_F(spooled, pieces_that_are_in_the_file_can_be_taken_from_there) {
    spool bodies(100, folder / "");
    append(bodies, 1, pattern(100));
    EXPECT_FALSE(bodies.file_of(1, 0, 10)) << "all is in memory";
    append(bodies, 1, pattern(50, 100));
    auto const file = bodies.file_of(1, 0, 150);
    ASSERT_TRUE(file);
    std::string bytes(20, '?');
    ASSERT_EQ(::pread(*file, bytes.data(), bytes.size(), 130), 20);
    EXPECT_EQ(bytes, pattern(20, 130));
    append(bodies, 1, pattern(10, 150)); // in memory
    EXPECT_TRUE(bodies.file_of(1, 100, 50));
    EXPECT_FALSE(bodies.file_of(1, 100, 51));
    EXPECT_FALSE(bodies.file_of(2, 0, 1));
    bodies.drop(1);
    EXPECT_FALSE(bodies.file_of(1, 0, 1));
}

TEST_F(spooled, bodies_of_five_megabytes_are_kept_whole) { // chain VI.5
    spool bodies(1024 * 1024, folder / "");
    for (std::size_t at = 0; at < 5; ++at)
        append(bodies, 1, pattern(1024 * 1024, at * 1024 * 1024));
    EXPECT_EQ(read(bodies, 1, 0, 5 * 1024 * 1024), pattern(5 * 1024 * 1024));
}

TEST_F(spooled, bodies_can_be_read_while_they_grow) { // chain V.3: early feeding
    spool bodies(10, folder / "");
    for (std::size_t at = 0; at < 40; ++at) {
        append(bodies, 1, pattern(1, at));
        ASSERT_EQ(read(bodies, 1, at, 1), pattern(1, at));
        ASSERT_EQ(read(bodies, 1, 0, at + 1), pattern(at + 1));
    }
}

TEST_F(spooled, bodies_that_are_forgotten_in_step_never_need_a_file) {
    spool bodies(100, folder / "");
    for (std::size_t at = 0; at < 10'000; at += 50) {
        append(bodies, 1, pattern(50, at));
        ASSERT_EQ(read(bodies, 1, at, 50), pattern(50, at));
        bodies.forget(1, at + 50);
        ASSERT_EQ(bodies.in_memory(), 0u);
    }
    EXPECT_EQ(bodies.files(), 0u);
}

TEST_F(spooled, bodies_read_the_same_however_a_reader_lags_and_what_is_behind_is_forgotten) {
    std::size_t const size = 20'000;
    auto const all = pattern(size);
    std::size_t in_files = 0;
    for (std::size_t const piece : {1u, 7u, 64u, 100u, 333u})
        for (std::size_t const lag : {0u, 5u, 63u, 64u, 65u, 200u, 5000u}) {
            spool bodies(64, folder / "");
            std::size_t wanted = 0;
            for (std::size_t at = 0; at < size; at += piece) {
                append(bodies, 1, std::string_view(all).substr(at, piece));
                auto const kept = std::min(at + piece, size);
                while (wanted + piece + lag <= kept) {
                    ASSERT_EQ(read(bodies, 1, wanted, piece), all.substr(wanted, piece));
                    wanted += piece;
                    bodies.forget(1, wanted);
                }
                ASSERT_LE(bodies.in_memory(), 64u);
            }
            ASSERT_EQ(read(bodies, 1, wanted, size - wanted), all.substr(wanted));
            in_files += bodies.files();
        }
    EXPECT_GT(in_files, 0u);
}

TEST_F(spooled, bodies_do_not_mix) {
    spool bodies(10, folder / "");
    append(bodies, 1, pattern(5));
    append(bodies, 2, pattern(50, 100));
    append(bodies, 1, pattern(50, 5));
    append(bodies, 3, pattern(5, 300));
    EXPECT_EQ(read(bodies, 1, 0, 55), pattern(55));
    EXPECT_EQ(read(bodies, 2, 0, 50), pattern(50, 100));
    EXPECT_EQ(read(bodies, 3, 0, 5), pattern(5, 300));
    EXPECT_EQ(bodies.files(), 2u);
    EXPECT_EQ(bodies.in_memory(), 5u);
}

TEST_F(spooled, files_have_no_name_and_belong_to_us_alone) { // chain P32: unlinked
    spool bodies(0, folder / "");
    append(bodies, 1, pattern(10));
    append(bodies, 2, pattern(10));
    EXPECT_EQ(bodies.files(), 2u);
    EXPECT_EQ(entries(), 0u);
    std::size_t found = 0;
    for (auto const& one : fs::directory_iterator("/proc/self/fd")) {
        struct stat about {};
        std::error_code gone;
        if (fs::read_symlink(one.path(), gone).string().rfind(folder / "", 0) != 0) continue;
        ASSERT_EQ(::stat(one.path().c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 0777u, 0600u);
        EXPECT_EQ(about.st_nlink, 0u);
        ++found;
    }
    EXPECT_EQ(found, 2u);
}

TEST_F(spooled, bodies_free_what_they_hold_when_dropped) { // chain P45
    auto const descriptors = [] {
        auto const all = fs::directory_iterator("/proc/self/fd");
        return std::distance(fs::begin(all), fs::end(all));
    };
    auto const before = descriptors();
    {
        spool bodies(10, folder / "");
        for (std::uint32_t body = 0; body < 10; ++body)
            append(bodies, body, pattern(body * 3 + 1));
        EXPECT_GT(descriptors(), before);
        for (std::uint32_t body = 0; body < 9; ++body)
            bodies.drop(body);
        bodies.drop(0); // twice
        bodies.drop(77);
        EXPECT_EQ(bodies.in_memory(), 0u);
        EXPECT_EQ(bodies.files(), 1u);
        append(bodies, 3, pattern(4)); // the number is free again
        EXPECT_EQ(read(bodies, 3, 0, 4), pattern(4));
    }
    EXPECT_EQ(descriptors(), before); // the rest goes with the spool
}

TEST_F(spooled, pieces_that_do_not_exist_are_an_error) {
    spool bodies(10, folder / "");
    append(bodies, 1, pattern(5));
    append(bodies, 2, pattern(20));
    std::string out;
    EXPECT_FALSE(bodies.read(1, 0, 6, out));
    EXPECT_FALSE(bodies.read(1, 5, 1, out));
    EXPECT_FALSE(bodies.read(2, 15, 6, out));
    EXPECT_FALSE(bodies.read(3, 0, 1, out));
    EXPECT_TRUE(bodies.read(1, 5, 0, out)); // nothing is always there
}

TEST_F(spooled, bodies_in_a_missing_directory_fail_with_the_reason) { // chain P32
    auto const missing = folder / "missing";
    spool bodies(10, missing);
    append(bodies, 1, pattern(10));
    auto const failed = bodies.append(1, pattern(1, 10));
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().find(missing), std::string::npos) << failed.error();
    EXPECT_NE(failed.error().find("No such file"), std::string::npos) << failed.error();
}

// chain P32: never a truncated body to a child.
TEST_F(spooled, bodies_that_failed_once_stay_unusable) {
    auto const late = folder / "late";
    spool bodies(10, late);
    append(bodies, 1, pattern(8));
    ASSERT_FALSE(bodies.append(1, pattern(8, 8)));
    std::string out;
    EXPECT_FALSE(bodies.append(1, pattern(1, 16))); // would fit into memory, behind a hole
    EXPECT_FALSE(bodies.read(1, 0, 1, out));
    fs::create_directory(late);
    EXPECT_FALSE(bodies.append(1, pattern(8, 16)));
    append(bodies, 2, pattern(16)); // another is not concerned
    bodies.drop(1);
    append(bodies, 1, pattern(16));
    EXPECT_EQ(read(bodies, 1, 0, 16), pattern(16));
}

TEST_F(spooled, bodies_on_a_full_disk_fail_with_the_reason) { // chain P32
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit const small{4096, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    spool bodies(10, folder / "");
    auto const first = bodies.append(1, pattern(4000));
    auto const second = bodies.append(1, pattern(4000, 4000));
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_TRUE(first);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("File too large"), std::string::npos) << second.error();
    std::string out;
    EXPECT_FALSE(bodies.read(1, 0, 1, out));
}

} // namespace
} // namespace milter::proxy::test
