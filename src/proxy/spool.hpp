// The bodies that a session keeps until they are forgotten: in memory up to a limit, what is more in an
// unlinked temporary file each. Bytes in, bytes out; knows nothing of what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::proxy {

class spool {
public:
    // memory: bytes of one body that are held there at most; the others go to a file in `directory`.
    spool(std::size_t memory, std::string directory);
    ~spool();
    spool(spool const&) = delete;
    spool& operator=(spool const&) = delete;

    // The error is a text with the reason; every further use of this body is an error too, until it is
    // dropped.
    tl::expected<void, std::string> append(std::uint32_t body, std::string_view bytes);
    // Appends that piece to `out`. The error is a text; what has been appended then is undefined.
    tl::expected<void, std::string> read(std::uint32_t body, std::uint64_t offset, std::size_t size,
                                         std::string& out);
    // The same without a copy, where the piece is in memory; valid until the next call of any other kind.
    std::optional<std::string_view> held(std::uint32_t body, std::uint64_t offset, std::size_t size) const;
    // The file that the piece is in, whole, at the same offset; valid until the body is dropped.
    std::optional<int> file_of(std::uint32_t body, std::uint64_t offset, std::size_t size) const;
    // Nobody will read what is before `below`.
    void forget(std::uint32_t body, std::uint64_t below);
    void drop(std::uint32_t body);

    // Bytes held in memory, and the number of open files: for tests and metrics.
    std::size_t in_memory() const;
    std::size_t files() const;

private:
    struct kept {
        std::string memory;       // the newest bytes
        std::size_t unwanted = 0; // of them, at their beginning
        std::uint64_t begin = 0;  // of `memory` in the body; what is before that is in the file, or forgotten
        int file = -1;
        bool broken = false; // something is missing: never shown to anyone (chain P32)
    };
    tl::expected<void, std::string> add(kept& one, std::string_view bytes);
    tl::expected<void, std::string> move_to_file(kept& one) const;
    tl::expected<void, std::string> read_file(kept const& one, std::uint64_t offset, std::size_t size,
                                              std::string& out) const;

    std::size_t memory_;
    std::string directory_;
    std::map<std::uint32_t, kept> bodies_;
};

} // namespace milter::proxy
