#include "proxy/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace milter::proxy {

namespace {

// Once there is a file because a reader lags, what is newer is only gathered to be written.
constexpr std::size_t most_behind_file = 128 * 1024;

tl::unexpected<std::string> failure(std::string_view what, std::string_view where) {
    int const number = errno;
    return tl::unexpected(std::string(what) + " in " + std::string(where) + ": " +
                          std::generic_category().message(number));
}

// Private and without a name: nobody can open it, and it goes with the process.
int open_unlinked(std::string const& directory) {
    int const file = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
    std::string name = directory + "/milter-manager-XXXXXX"; // file systems without unnamed files
    int const named = ::mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

bool write_all(int file, std::string_view bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        auto const n = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return true;
}

} // namespace

spool::spool(std::size_t memory, std::string directory) : memory_(memory), directory_(std::move(directory)) {}

spool::~spool() {
    while (!bodies_.empty())
        drop(bodies_.begin()->first);
}

// All at once: a reader that lags gets the file in large pieces, one that does not never needs it.
tl::expected<void, std::string> spool::move_to_file(kept& one) const {
    if (one.file < 0) one.file = open_unlinked(directory_);
    if (one.file < 0) return failure("cannot open a temporary file", directory_);
    auto const wanted = std::string_view(one.memory).substr(one.unwanted);
    if (!write_all(one.file, wanted, one.begin + one.unwanted))
        return failure("cannot write a temporary file", directory_);
    one.begin += one.memory.size();
    one.unwanted = 0;
    one.memory.clear();
    if (one.memory.capacity() > most_behind_file) one.memory.shrink_to_fit();
    return {};
}

tl::expected<void, std::string> spool::append(std::uint32_t body, std::string_view bytes) {
    auto& one = bodies_[body];
    if (one.broken) return tl::unexpected(std::string("a part of the body could not be kept"));
    auto const added = add(one, bytes);
    one.broken = !added;
    return added;
}

tl::expected<void, std::string> spool::add(kept& one, std::string_view bytes) {
    one.memory += bytes;
    auto const most = one.file < 0 ? memory_ : std::min(memory_, most_behind_file);
    if (one.memory.size() - one.unwanted > most) return move_to_file(one);
    return {};
}

tl::expected<void, std::string> spool::read(std::uint32_t body, std::uint64_t offset, std::size_t size,
                                            std::string& out) {
    if (size == 0) return {};
    auto const found = bodies_.find(body);
    if (found == bodies_.end()) return tl::unexpected(std::string("no such body"));
    auto const& one = found->second;
    if (one.broken) return tl::unexpected(std::string("a part of the body could not be kept"));
    if (offset + size > one.begin + one.memory.size())
        return tl::unexpected(std::string("the body is shorter"));
    if (offset < one.begin) {
        auto const in_file = std::min<std::uint64_t>(size, one.begin - offset);
        if (auto done = read_file(one, offset, static_cast<std::size_t>(in_file), out); !done) return done;
        offset += in_file;
        size -= static_cast<std::size_t>(in_file);
    }
    if (size > 0) out.append(one.memory, static_cast<std::size_t>(offset - one.begin), size);
    return {};
}

tl::expected<void, std::string> spool::read_file(kept const& one, std::uint64_t offset, std::size_t size,
                                                 std::string& out) const {
    std::size_t const begin = out.size();
    out.resize(begin + size);
    for (std::size_t done = 0; done < size;) {
        auto const n =
            ::pread(one.file, out.data() + begin + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failure("cannot read a temporary file", directory_);
        if (n == 0) return tl::unexpected(std::string("the temporary file is shorter than it was"));
        done += static_cast<std::size_t>(n);
    }
    return {};
}

std::optional<std::string_view> spool::held(std::uint32_t body, std::uint64_t offset,
                                            std::size_t size) const {
    auto const found = bodies_.find(body);
    if (found == bodies_.end() || found->second.broken || offset < found->second.begin) return {};
    auto const& one = found->second;
    if (offset + size > one.begin + one.memory.size()) return {};
    return std::string_view(one.memory).substr(static_cast<std::size_t>(offset - one.begin), size);
}

std::optional<int> spool::file_of(std::uint32_t body, std::uint64_t offset, std::size_t size) const {
    auto const found = bodies_.find(body);
    if (found == bodies_.end() || found->second.broken || found->second.file < 0) return {};
    if (offset + size > found->second.begin) return {};
    return found->second.file;
}

void spool::forget(std::uint32_t body, std::uint64_t below) {
    auto const found = bodies_.find(body);
    if (found == bodies_.end() || below <= found->second.begin) return;
    auto& one = found->second;
    one.unwanted = static_cast<std::size_t>(std::min<std::uint64_t>(below - one.begin, one.memory.size()));
    // So that each byte is moved once at most.
    if (one.unwanted < one.memory.size() - one.unwanted) return;
    one.memory.erase(0, one.unwanted);
    one.begin += std::exchange(one.unwanted, 0);
}

void spool::drop(std::uint32_t body) {
    auto const found = bodies_.find(body);
    if (found == bodies_.end()) return;
    if (found->second.file >= 0) ::close(found->second.file);
    bodies_.erase(found);
}

std::size_t spool::in_memory() const {
    std::size_t bytes = 0;
    for (auto const& [id, one] : bodies_)
        bytes += one.memory.size() - one.unwanted;
    return bytes;
}

std::size_t spool::files() const {
    std::size_t open = 0;
    for (auto const& [id, one] : bodies_)
        open += one.file >= 0 ? 1 : 0;
    return open;
}

} // namespace milter::proxy
