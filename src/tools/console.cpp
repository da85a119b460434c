#include "tools/console.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace milter::tools {

// Read-only: writing to it fails as to a closed one.
void keep_standard_descriptors() {
    while (true) {
        int const one = ::open("/dev/null", O_RDONLY);
        if (one < 0 || one > STDERR_FILENO) {
            if (one >= 0) ::close(one);
            return;
        }
    }
}

tl::expected<void, std::string> print_whole(std::string_view text) {
    bool const taken = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (taken && std::fflush(stdout) == 0) return {};
    return tl::unexpected(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

void print_to_stderr(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stderr) == text.size()) std::fflush(stderr);
}

int print_or_complain(std::string_view text, std::string_view program) {
    auto const printed = print_whole(text);
    if (!printed) print_error("{}: {}\n", program, printed.error());
    return printed ? 0 : 1;
}

std::string time_of_day() {
    std::time_t const now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%H:%M:%S", &parts);
    return text;
}

} // namespace milter::tools
