// milter-report-statistics: memory, processor time and descriptors of processes, a line each, again and
// again.
#include "tools/arguments.hpp"
#include "tools/console.hpp"
#include "tools/report_statistics/processes.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include <unistd.h>

#include <fmt/format.h>

namespace {

using namespace milter::tools;
using namespace milter::tools::report_statistics;
using std::chrono::milliseconds;

constexpr char const* usage = "usage: milter-report-statistics [OPTION]... TARGET...   (--help says more)\n";
constexpr char const* columns = "{:>8} {:>6} {:>9} {:>9} {:>5} {:>8} {:>5} {}\n";

struct settings {
    std::set<std::string> names; // of programs
    std::set<pid_t> numbers;
    std::vector<std::string> directories; // with pid files
    std::vector<std::regex> filters;      // all must match the command
    std::optional<milliseconds> interval = milliseconds(1000);
};

// As top has it: minutes, seconds, hundredths.
std::string processor_text(std::uint64_t ticks) {
    auto const a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    auto const hundredths = ticks * 100 / a_second;
    return fmt::format("{}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100);
}

// Nobody's command line may write on the terminal.
std::string printable(std::string text) {
    for (char& one : text)
        if (static_cast<unsigned char>(one) < 0x20 || one == 0x7f) one = '?';
    return text;
}

class watch {
public:
    explicit watch(settings told) : told_(std::move(told)) {}

    // The error says why it cannot be written.
    tl::expected<void, std::string> report() {
        auto const now = std::chrono::steady_clock::now();
        auto const time = time_of_day();
        std::string text;
        std::map<pid_t, std::uint64_t> ticks;
        for (auto const& one : wanted()) {
            ticks[one.number] = one.ticks;
            text +=
                fmt::format(fmt::runtime(columns), time, one.number, fmt::format("{} kB", one.virtual_kb),
                            fmt::format("{} kB", one.resident_kb), share(one, now), processor_text(one.ticks),
                            one.descriptors ? std::to_string(*one.descriptors) : "-", printable(one.command));
        }
        if (text.empty()) text = time + " not found\n";
        before_ = std::move(ticks);
        last_ = now;
        return print_whole(text);
    }

private:
    std::vector<process> wanted() const {
        auto numbers = told_.numbers;
        for (auto const& directory : told_.directories)
            for (auto const one : numbers_in(directory))
                numbers.insert(one);
        std::vector<process> found;
        for (auto const number : all_numbers()) {
            auto const one = number == ::getpid() ? std::nullopt : look_at(number);
            if (!one || (!numbers.contains(number) && !told_.names.contains(one->name))) continue;
            bool fits = true;
            for (auto const& filter : told_.filters)
                fits = fits && std::regex_search(one->command, filter);
            if (fits) found.push_back(*one);
        }
        return found;
    }

    // Of one processor, in percent, since the last report; "" at the first.
    std::string share(process const& one, std::chrono::steady_clock::time_point now) const {
        auto const before = before_.find(one.number);
        if (before == before_.end()) return "";
        auto const passed = std::chrono::duration<double>(now - last_).count();
        auto const used =
            static_cast<double>(one.ticks - before->second) / static_cast<double>(::sysconf(_SC_CLK_TCK));
        return fmt::format("{:.1f}", passed > 0 ? 100 * used / passed : 0.0);
    }

    settings told_;
    std::map<pid_t, std::uint64_t> before_;
    std::chrono::steady_clock::time_point last_;
};

int refuse(std::string const& why) {
    print_error("milter-report-statistics: {}\n", why);
    return 1;
}

std::optional<int> parse(int count, char** words, settings& into) {
    arguments line("Prints memory, processor time and descriptors of processes, again and again.",
                   "milter-report-statistics", "milter-report-statistics " MILTER_VERSION);
    line.each(
        "--filter",
        [&into](std::string const& text) {
            try {
                into.filters.emplace_back(text, std::regex::icase);
            } catch (std::regex_error const& wrong) {
                throw bad_argument(fmt::format("--filter: {}: <{}>", wrong.what(), text));
            }
        },
        "RE: only processes whose command it fits, in any case; may be given several times");
    line.each(
        "--pid",
        [&into](std::string const& text) {
            char* end = nullptr;
            auto const number = std::strtol(text.c_str(), &end, 10);
            if (number <= 0 || number > 1 << 30 || *end != '\0')
                throw bad_argument(fmt::format("--pid: not the number of a process: <{}>", text));
            into.numbers.insert(static_cast<pid_t>(number));
        },
        "PID: this process; may be given several times");
    line.each(
        "--pid-directory", [&into](std::string const& path) { into.directories.push_back(path); },
        "DIR: the processes of the files DIR/**/*.pid");
    line.seconds("--interval", into.interval, "SECONDS: from one report to the next (1)");
    std::vector<std::string> targets;
    line.app().add_option("targets", targets, "Names of programs")->option_text("TARGET...")->expected(-1);
    auto const status = line.parse(count, words);
    into.names.insert(targets.begin(), targets.end());
    return status;
}

// "", or why no pid file can be looked for there.
std::string no_directory(std::string const& path) {
    std::error_code failed;
    std::filesystem::directory_iterator const opened(path, failed);
    return failed ? fmt::format("{}: {}", path, std::strerror(failed.value())) : "";
}

int run(settings told) {
    sigset_t ends;
    ::sigemptyset(&ends);
    for (int const number : {SIGINT, SIGTERM})
        ::sigaddset(&ends, number);
    ::sigprocmask(SIG_BLOCK, &ends, nullptr);
    auto const interval = *told.interval;
    timespec const pause{interval.count() / 1000, interval.count() % 1000 * 1'000'000};
    auto const head =
        fmt::format(fmt::runtime(columns), "Time", "PID", "VSS", "RSS", "%CPU", "CPU time", "#FD", "command");
    if (auto const printed = print_whole(head); !printed) return refuse(printed.error());
    watch all(std::move(told));
    do {
        if (auto const printed = all.report(); !printed) return refuse(printed.error());
    } while (::sigtimedwait(&ends, nullptr, &pause) < 0);
    return 0;
}

} // namespace

int main(int count, char** words) try {
    milter::tools::keep_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN);
    settings told;
    if (auto const status = parse(count, words, told)) return *status;
    if (told.names.empty() && told.numbers.empty() && told.directories.empty()) {
        milter::tools::print_to_stderr(usage);
        return 1;
    }
    if (!told.interval) return refuse("--interval: must be more than 0 seconds");
    for (auto const& one : told.directories)
        if (auto const why = no_directory(one); !why.empty()) return refuse("--pid-directory: " + why);
    return run(std::move(told));
} catch (std::exception const& wrong) { // no memory
    return refuse(wrong.what());
}
