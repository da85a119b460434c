#include "proxy/recording/archive.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <ctime>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::proxy {

namespace {

using observe::level;

constexpr std::string_view suffix = ".session";
constexpr std::string_view unfinished = ".session-being-written";
constexpr std::time_t being_written_s = 600;

std::string errno_text() {
    return std::generic_category().message(errno);
}

// UTC, so that names are in the order of time.
std::string stamp(char const* form) {
    return fmt::format(fmt::runtime(form),
                       fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

} // namespace

tl::expected<std::shared_ptr<archive>, std::string> archive::open(record_wish what, observe::log& log) {
    auto const failed = [&](std::string const& why) {
        return tl::unexpected(fmt::format("cannot record to {}: {}", what.directory, why));
    };
    if (::mkdir(what.directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return failed(errno_text());
    int const directory = ::open(what.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return failed(errno_text());
    struct stat found {};
    std::string why;
    if (::fstat(directory, &found) != 0)
        why = errno_text();
    else if (found.st_uid != ::geteuid())
        why = fmt::format("it belongs to user {}, but must belong to user {}, who serves", found.st_uid,
                          ::geteuid());
    else if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        why = fmt::format("its mode is {:o}: others may see into it; chmod 700", found.st_mode & 07777U);
    if (!why.empty()) {
        ::close(directory);
        return failed(why);
    }
    return std::shared_ptr<archive>(new archive(std::move(what), directory, log));
}

archive::archive(record_wish what, int directory, observe::log& log)
    : what_(std::move(what)), directory_(directory), log_(log) {
    find_older_files();
}

archive::~archive() {
    writing_.join();
    ::close(directory_);
}

void archive::find_older_files() {
    DIR* const all = ::fdopendir(::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!all) return failed(errno_text());
    std::vector<file> found;
    while (dirent const* const one = ::readdir(all)) {
        std::string const name = one->d_name;
        struct stat about {};
        if (::fstatat(directory_, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        // Of a process that was killed; not of a predecessor that still writes.
        if (name.ends_with(unfinished) && about.st_mtime + being_written_s < std::time(nullptr))
            ::unlinkat(directory_, name.c_str(), 0);
        if (!name.ends_with(suffix)) continue;
        found.push_back({name, static_cast<std::uint64_t>(about.st_size)});
        bytes_ += found.back().size;
    }
    ::closedir(all);
    std::ranges::sort(found, {}, &file::name);
    files_.assign(found.begin(), found.end());
    make_room(0);
}

// Of a sample of a quarter every fourth, and so on: as evenly as it can be.
std::unique_ptr<recorder> archive::begin(std::uint64_t session) {
    auto const number = static_cast<double>(begun_.fetch_add(1));
    if (std::floor((number + 1) * what_.sample) <= std::floor(number * what_.sample)) return nullptr;
    auto const size = std::make_shared<std::size_t>(0);
    recorder::uses by;
    by.grow = [this, size](std::ptrdiff_t bytes) {
        if (bytes > 0 && (*size + static_cast<std::size_t>(bytes) > most_of_a_session ||
                          held_.load() + static_cast<std::size_t>(bytes) > most_held))
            return false;
        *size += static_cast<std::size_t>(bytes);
        held_ += static_cast<std::size_t>(bytes);
        return true;
    };
    by.over = [this, session](std::string text) {
        if (text.empty()) {
            log_.event(level::warning, "session_not_recorded", {{"session", std::to_string(session)}},
                       fmt::format("it is larger than {} MiB, or more than {} MiB wait to be written",
                                   most_of_a_session >> 20, most_held >> 20));
            return;
        }
        boost::asio::post(writing_, [this, session, text = std::move(text)] {
            keep(session, text);
            held_ -= text.size();
        });
    };
    return std::make_unique<recorder>(
        what_.masks,
        stamp("# recorded by milter-manager at {:%Y-%m-%d %H:%M:%S} UTC, session ") + std::to_string(session),
        std::move(by));
}

void archive::keep(std::uint64_t session, std::string const& text) {
    if (text.size() > what_.max_bytes)
        return log_.event(level::warning, "session_not_recorded", {{"session", std::to_string(session)}},
                          "it is larger than --record-max-bytes");
    make_room(text.size());
    auto const name = fmt::format("{}-{:07}-{:09}{}", stamp("{:%Y%m%dT%H%M%S}"), ::getpid(), session, suffix);
    if (!is_written(name, text)) return failed(errno_text());
    files_.push_back({name, text.size()});
    bytes_ += text.size();
    is_failing_ = false;
}

// Nobody sees a half. The error is in errno.
bool archive::is_written(std::string const& name, std::string const& text) {
    std::string const early = name.substr(0, name.size() - suffix.size()) + std::string(unfinished);
    int const made = ::openat(directory_, early.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                              S_IRUSR | S_IWUSR);
    if (made < 0) return false;
    std::string_view rest = text;
    int error = 0;
    while (!rest.empty() && error == 0) {
        auto const n = ::write(made, rest.data(), rest.size());
        if (n > 0)
            rest.remove_prefix(static_cast<std::size_t>(n));
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? ENOSPC : errno;
    }
    if (::close(made) != 0 && error == 0) error = errno;
    if (error == 0 && ::renameat(directory_, early.c_str(), directory_, name.c_str()) != 0) error = errno;
    if (error != 0) ::unlinkat(directory_, early.c_str(), 0);
    errno = error;
    return error == 0;
}

void archive::make_room(std::uint64_t for_bytes) {
    while (!files_.empty() && bytes_ + for_bytes > what_.max_bytes) {
        ::unlinkat(directory_, files_.front().name.c_str(), 0);
        bytes_ -= files_.front().size;
        files_.pop_front();
    }
}

// Once, until it works again.
void archive::failed(std::string const& what) {
    if (std::exchange(is_failing_, true)) return;
    log_.event(level::error, "record_failed", {{"file", what_.directory}, {"error", what}},
               "sessions are lost to the record until this is corrected; mail is not concerned");
}

} // namespace milter::proxy
