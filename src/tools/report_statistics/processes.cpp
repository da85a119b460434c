#include "tools/report_statistics/processes.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

namespace milter::tools::report_statistics {

namespace {

namespace fs = std::filesystem;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return {};
    return value;
}

// "" when there is no such file any more, also when the process goes while it is read.
std::string whole(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf(); // an iterator would let the exception of a failed read out
    return text.str();
}

// Enough for a number; a file may be of any size.
std::string beginning(fs::path const& path) {
    std::string text(32, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

// Of a directory; nothing when it cannot be read, or goes meanwhile.
template <class Each>
bool for_each_in(fs::path const& directory, Each each) {
    std::error_code failed;
    for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator();
         at.increment(failed))
        each(*at);
    return !failed;
}

// The number behind "NAME:" in /proc/PID/status.
std::uint64_t figure(std::string_view status, std::string_view name) {
    auto const at = status.find(fmt::format("\n{}:", name));
    if (at == std::string_view::npos) return 0;
    auto rest = status.substr(at + name.size() + 2);
    rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
    return number_of<std::uint64_t>(rest).value_or(0);
}

// The fields 14 and 15 of /proc/PID/stat; the second field, in parentheses, may hold anything.
std::uint64_t ticks_of(std::string_view stat) {
    auto const end = stat.rfind(')');
    if (end == std::string_view::npos) return 0;
    auto rest = stat.substr(end + 1);
    std::uint64_t sum = 0;
    for (int field = 3; field <= 15 && !rest.empty(); ++field) {
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        if (field >= 14) sum += number_of<std::uint64_t>(rest).value_or(0);
        rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    }
    return sum;
}

std::string name_of(std::string_view program) {
    auto name = program.substr(program.rfind('/') + 1);
    if (name.starts_with("lt-")) name.remove_prefix(3); // libtool's
    return std::string(name);
}

} // namespace

std::optional<process> look_at(pid_t number) {
    auto const folder = fs::path("/proc") / std::to_string(number);
    auto words = whole(folder / "cmdline");
    if (words.empty()) return {};
    process found;
    found.number = number;
    found.name = name_of(std::string_view(words).substr(0, words.find('\0')));
    while (!words.empty() && words.back() == '\0')
        words.pop_back();
    std::ranges::replace(words, '\0', ' ');
    found.command = std::move(words);
    auto const status = whole(folder / "status");
    found.virtual_kb = figure(status, "VmSize");
    found.resident_kb = figure(status, "VmRSS");
    found.ticks = ticks_of(whole(folder / "stat"));
    std::size_t open = 0;
    if (for_each_in(folder / "fd", [&](auto const&) { ++open; })) found.descriptors = open;
    return found;
}

std::vector<pid_t> all_numbers() {
    std::vector<pid_t> all;
    for_each_in("/proc", [&](auto const& one) {
        auto const name = one.path().filename().string();
        if (auto const number = number_of<pid_t>(name); number && std::to_string(*number) == name)
            all.push_back(*number);
    });
    std::ranges::sort(all);
    return all;
}

std::vector<pid_t> numbers_in(std::string const& directory) {
    std::vector<pid_t> all;
    std::error_code gone;
    auto const how = fs::directory_options::skip_permission_denied;
    for (auto at = fs::recursive_directory_iterator(directory, how, gone);
         !gone && at != fs::recursive_directory_iterator(); at.increment(gone)) {
        if (at->path().extension() != ".pid") continue;
        if (!at->is_regular_file(gone)) continue; // to open a pipe would wait
        if (auto const number = number_of<pid_t>(beginning(at->path())); number && *number > 0)
            all.push_back(*number);
    }
    std::ranges::sort(all);
    return all;
}

} // namespace milter::tools::report_statistics
