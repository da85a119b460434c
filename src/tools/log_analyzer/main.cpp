// milter-manager-log-analyzer: RRD files, pictures and reports from milter-manager's statistics lines.
#include "tools/console.hpp"
#include "tools/log_analyzer/database.hpp"
#include "tools/log_analyzer/graphs.hpp"
#include "tools/log_analyzer/journal.hpp"
#include "tools/log_analyzer/report_page.hpp"
#include "tools/log_analyzer/settings.hpp"
#include "tools/log_analyzer/source.hpp"
#include "tools/log_analyzer/summary.hpp"
#include "tools/log_analyzer/whole_file.hpp"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

namespace {

using milter::tools::print_error;
using namespace milter::tools::log_analyzer;

int refuse(std::string const& why) {
    print_error("milter-manager-log-analyzer: {}\n", why);
    return 1;
}

tl::expected<std::uint64_t, std::string> read_logs(settings const& told, tables& into) {
    std::uint64_t lines = 0;
    for (auto const& path : told.logs) {
        stamps times(std::time(nullptr));
        journal entries;
        std::optional<bool> is_journal;
        auto const read = read_lines(path, [&](std::string_view line) {
            ++lines;
            if (!is_journal) is_journal = line.starts_with(journal_begins);
            auto const one = *is_journal ? entries.take(line) : read_line(line, times);
            if (one) into.count(*one);
        });
        if (!read) return tl::unexpected(read.error());
    }
    return lines;
}

tl::expected<void, std::string> update_files(settings const& told, tables const& with) {
    std::error_code failed;
    std::filesystem::create_directories(told.directory, failed);
    if (failed)
        return tl::unexpected(
            fmt::format("cannot make the directory {}: {}", told.directory, failed.message()));
    auto const by = rrdtool::start(told.directory);
    if (!by) return tl::unexpected(by.error());
    if (told.update) {
        if (auto const done = migrate(**by, told.directory); !done) return done;
        if (auto const done = update(**by, told.directory, with); !done) return done;
    }
    std::vector<std::string> files;
    with.each([&files](std::string const& name, auto const&) { files.push_back(name); });
    return draw(**by, told.directory, files);
}

int run(settings const& told) {
    tables counted(std::time(nullptr) / 60);
    auto const lines = told.update || !told.draw ? read_logs(told, counted) : std::uint64_t{0};
    if (!lines) return refuse(lines.error());
    if (told.draw)
        if (auto const done = update_files(told, counted); !done) return refuse(done.error());
    if (!told.html.empty())
        if (auto const done = write_whole(told.html, report_page(counted)); !done)
            return refuse(done.error());
    auto const text = (told.json ? as_json(counted, *lines) : "") + (told.csv ? as_csv(counted) : "");
    if (auto const printed = milter::tools::print_whole(text); !printed) return refuse(printed.error());
    return 0;
}

} // namespace

int main(int count, char** words) {
    milter::tools::keep_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN); // of rrdtool, or of who reads our output
    try {
        auto const told = parse(count, words);
        return told.status ? *told.status : run(told.values);
    } catch (std::exception const& refused) {
        return refuse(refused.what());
    }
}
