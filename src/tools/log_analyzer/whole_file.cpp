#include "tools/log_analyzer/whole_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace milter::tools::log_analyzer {

tl::expected<void, std::string> write_whole(std::string const& path, std::string_view text) {
    struct stat there {};
    bool const beside = ::stat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode);
    auto const fresh = beside ? path + ".new" : path;
    std::FILE* const file = std::fopen(fresh.c_str(), "we");
    bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file != nullptr) good = std::fclose(file) == 0 && good;
    if (good && (!beside || std::rename(fresh.c_str(), path.c_str()) == 0)) return {};
    auto const why = fmt::format("cannot write {}: {}", path, std::strerror(errno));
    if (beside) ::unlink(fresh.c_str());
    return tl::unexpected(why);
}

} // namespace milter::tools::log_analyzer
