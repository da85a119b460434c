#include "observe/process.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace milter::observe {

namespace {

// One of them is the directory that is being read.
std::uint64_t count_descriptors() {
    std::error_code failed;
    std::uint64_t n = 0;
    for (std::filesystem::directory_iterator at("/proc/self/fd", failed), end; !failed && at != end;
         at.increment(failed))
        ++n;
    return n > 0 ? n - 1 : 0;
}

// proc(5): pages, the second word.
std::uint64_t resident() {
    std::ifstream in("/proc/self/statm");
    std::uint64_t all = 0, here = 0;
    in >> all >> here;
    return here * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// proc(5): the 22nd word, in ticks since the boot; the name before it may hold anything but its last ")".
double start_time() {
    std::ifstream in("/proc/self/stat");
    std::string const all{std::istreambuf_iterator<char>(in), {}};
    auto const behind_name = all.rfind(')');
    if (behind_name == std::string::npos) return 0;
    std::istringstream words(all.substr(behind_name + 1));
    std::string word;
    constexpr int from_state_to_start = 20;
    for (int i = 0; i < from_state_to_start; ++i)
        words >> word;
    std::ifstream kernel("/proc/stat");
    double booted = 0;
    for (std::string line; std::getline(kernel, line);)
        if (line.starts_with("btime ")) booted = std::stod(line.substr(line.find(' ')));
    return word.empty() ? 0 : booted + std::stod(word) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

} // namespace

process_reading read_process() {
    process_reading now;
    now.open_descriptors = count_descriptors();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) now.most_descriptors = limit.rlim_cur;
    now.resident_bytes = resident();
    static double const started = start_time();
    now.started = started;
    return now;
}

} // namespace milter::observe
