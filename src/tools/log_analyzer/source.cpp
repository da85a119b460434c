#include "tools/log_analyzer/source.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <zlib.h>

namespace milter::tools::log_analyzer {

namespace {

constexpr unsigned block = 1024 * 1024;

struct close_gz {
    void operator()(gzFile one) const { ::gzclose(one); }
};
using gz = std::unique_ptr<gzFile_s, close_gz>;

tl::unexpected<std::string> failure(std::string const& path, std::string const& why) {
    return tl::unexpected(fmt::format("cannot read {}: {}", path, why));
}

tl::expected<gz, std::string> open(std::string const& path) {
    int const descriptor = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return failure(path, std::strerror(errno));
    struct stat what {};
    if (::fstat(descriptor, &what) == 0 && S_ISDIR(what.st_mode)) {
        ::close(descriptor);
        return failure(path, "it is a directory; name the files in it");
    }
    gz opened(::gzdopen(descriptor, "rb"));
    if (!opened) {
        ::close(descriptor);
        return failure(path, "not enough memory");
    }
    ::gzbuffer(opened.get(), block);
    return opened;
}

} // namespace

tl::expected<void, std::string> read_lines(std::string const& path,
                                           std::function<void(std::string_view)> const& take) {
    auto const from = open(path);
    if (!from) return tl::unexpected(from.error());
    std::vector<char> buffer(block + longest_line);
    std::size_t kept = 0;  // bytes of a line that has no end yet
    bool too_long = false; // its beginning has been dropped
    for (;;) {
        int const got = ::gzread(from->get(), buffer.data() + kept, block);
        if (got <= 0) {
            int number = Z_OK;
            char const* const why = ::gzerror(from->get(), &number);
            if (kept > 0 && !too_long) take({buffer.data(), kept});
            if (got == 0 && (number == Z_OK || number == Z_STREAM_END)) return {};
            return failure(path, number == Z_ERRNO ? std::strerror(errno) : why);
        }
        char const* at = buffer.data();
        char const* const end = buffer.data() + kept + static_cast<std::size_t>(got);
        while (auto const* const stop =
                   static_cast<char const*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))) {
            if (!std::exchange(too_long, false)) take({at, static_cast<std::size_t>(stop - at)});
            at = stop + 1;
        }
        kept = static_cast<std::size_t>(end - at);
        if (kept > longest_line) {
            too_long = true;
            kept = 0;
        }
        std::memmove(buffer.data(), at, kept);
    }
}

} // namespace milter::tools::log_analyzer
