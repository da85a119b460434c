#include "proxy/spool.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace milter::proxy {

namespace {

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

bool write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const n = ::write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

} // namespace

spool::spool(std::size_t memory, std::string directory) : memory_(memory), directory_(std::move(directory)) {}

spool::~spool() {
    while (!bodies_.empty())
        drop(bodies_.begin()->first);
}

tl::expected<void, std::string> spool::move_to_file(kept& one) {
    one.file = open_unlinked(directory_);
    if (one.file < 0) return failure("cannot open a temporary file", directory_);
    if (!write_all(one.file, one.memory)) return failure("cannot write a temporary file", directory_);
    one.memory = {};
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
    if (one.file < 0 && one.memory.size() + bytes.size() <= memory_) {
        one.memory += bytes;
        return {};
    }
    if (one.file < 0)
        if (auto moved = move_to_file(one); !moved) return moved;
    if (!write_all(one.file, bytes)) return failure("cannot write a temporary file", directory_);
    return {};
}

tl::expected<void, std::string> spool::read(std::uint32_t body, std::uint64_t offset, std::size_t size,
                                            std::string& out) {
    if (size == 0) return {};
    auto const found = bodies_.find(body);
    if (found == bodies_.end()) return tl::unexpected(std::string("no such body"));
    auto const& one = found->second;
    if (one.broken) return tl::unexpected(std::string("a part of the body could not be kept"));
    if (one.file < 0) {
        if (offset + size > one.memory.size()) return tl::unexpected(std::string("the body is shorter"));
        out.append(one.memory, static_cast<std::size_t>(offset), size);
        return {};
    }
    std::size_t const begin = out.size();
    out.resize(begin + size);
    for (std::size_t done = 0; done < size;) {
        auto const n =
            ::pread(one.file, out.data() + begin + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failure("cannot read a temporary file", directory_);
        if (n == 0) return tl::unexpected(std::string("the body is shorter"));
        done += static_cast<std::size_t>(n);
    }
    return {};
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
        bytes += one.memory.size();
    return bytes;
}

std::size_t spool::files() const {
    std::size_t open = 0;
    for (auto const& [id, one] : bodies_)
        open += one.file >= 0 ? 1 : 0;
    return open;
}

} // namespace milter::proxy
