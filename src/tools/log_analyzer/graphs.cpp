#include "tools/log_analyzer/graphs.hpp"

#include "tools/log_analyzer/colours.hpp"
#include "tools/log_analyzer/whole_file.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace milter::tools::log_analyzer {

namespace {

namespace fs = std::filesystem;

struct range {
    char const* name;  // in a picture's file name
    char const* title; // on the page
    char const* id;
    int seconds;
};
constexpr int a_day_s = 24 * 60 * 60;
constexpr range ranges[] = {{"day", "Last Day", "last-day", a_day_s},
                            {"week", "Last Week", "last-week", 7 * a_day_s},
                            {"month", "Last Month", "last-month", 5 * 7 * a_day_s},
                            {"year", "Last Year", "last-year", 12 * 5 * 7 * a_day_s}};

// A picture: its RRD file, and what is drawn of it.
struct picture {
    std::string file; // without ".rrd"
    std::string title;
    std::span<coloured const> areas;
    char const* unit;
    bool of_sessions = false; // lines of session.rrd too
};

// All that there are, in the order of the page: the manager, then the milters as they appeared, then those
// that only files know, by name.
std::vector<picture> pictures_in(std::string const& directory, std::vector<std::string> const& appeared) {
    std::vector<picture> all;
    auto const add = [&](std::string const& file, std::string title, std::span<coloured const> areas,
                         char const* unit, bool of_sessions) {
        if (fs::exists(fs::path(directory) / (file + ".rrd")))
            all.push_back({file, std::move(title), areas, unit, of_sessions});
    };
    add("milter-manager.status", "milter-manager: status", status_colours, "sessions/min", true);
    add("milter-manager.report", "milter-manager: report", report_colours, "mails/min", false);
    std::string const status_file = "milter.status.";
    std::vector<std::string> milters;
    std::error_code ignored;
    for (auto const& one : fs::directory_iterator(directory, ignored)) {
        std::string name = one.path().filename();
        constexpr std::string_view suffix = ".rrd";
        if (!name.starts_with(status_file) || !name.ends_with(suffix)) continue;
        milters.push_back(name.substr(status_file.size(), name.size() - status_file.size() - suffix.size()));
    }
    auto const place = [&](std::string const& name) {
        return std::pair(std::ranges::find(appeared, status_file + name) - appeared.begin(),
                         std::string_view(name));
    };
    std::ranges::sort(milters, {}, place);
    for (auto const& name : milters) {
        add(status_file + name, name + ": status", milter_status_colours, "sessions/min", false);
        add("milter.report." + name, name + ": report", report_colours, "mails/min", false);
    }
    return all;
}

// A source as a shape of the picture, with its total, average and most below.
std::string shape(std::string const& file, coloured const& one, std::string_view kind, range const& over) {
    std::string const name(one.source);
    auto text = fmt::format(" DEF:{0}={1}.rrd:{0}:AVERAGE DEF:most_{0}={1}.rrd:{0}:MAX", name, file);
    // The average of a minute, times the minutes, is the total.
    text += fmt::format(" VDEF:average_{0}={0},AVERAGE VDEF:peak_{0}=most_{0},MAXIMUM"
                        " CDEF:sum_{0}={0},{1},*,UN,0,{0},{1},*,IF VDEF:total_{0}=sum_{0},AVERAGE",
                        name, over.seconds / 60);
    auto const stacked = kind == "AREA" ? ":STACK" : "";
    text += fmt::format(" {}:{}{}:\"{:<12}\"{}", kind, name, one.colour, one.label, stacked);
    text += fmt::format(" GPRINT:total_{0}:\"total\\: %8.0lf\" GPRINT:average_{0}:\"avg\\: %6.2lf/min\""
                        " GPRINT:peak_{0}:\"max\\: %4.0lf/min\\l\"",
                        name);
    return text;
}

std::string local_text(std::int64_t seconds) {
    std::time_t const time = seconds;
    std::tm parts{};
    ::localtime_r(&time, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H\\:%M\\:%S", &parts);
    return text;
}

std::string graph_command(picture const& of, range const& over, std::int64_t last) {
    auto command = fmt::format("graph {}.{}.png --imgformat PNG --width 600 --height 200 --start {} --end {}"
                               " --title \"{} ({})\" --vertical-label {} --alt-y-grid --units-exponent 0"
                               " --lower-limit 0",
                               of.file, over.name, last - over.seconds, last, of.title, over.title, of.unit);
    for (auto const& one : of.areas)
        command += shape(of.file, one, "AREA", over);
    if (of.of_sessions)
        for (auto const& one : session_colours)
            command += shape("session", one, "LINE2", over);
    return command + fmt::format(" COMMENT:\"[{}]\\r\"", local_text(last));
}

std::string page(std::vector<picture> const& all) {
    std::string text = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"refresh\" content=\"300\">\n"
                       "<title>milter-manager statistics</title>\n</head>\n<body>\n"
                       "<h1>milter-manager statistics</h1>\n<ul>\n";
    for (auto const& one : ranges)
        text += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", one.id, one.title);
    text += "</ul>\n";
    for (auto const& one : ranges) {
        text += fmt::format("<h2 id=\"{}\">{}</h2>\n", one.id, one.title);
        for (auto const& shown : all)
            text += fmt::format("<p><img src=\"{0}.{1}.png\" alt=\"{2}\"></p>\n", shown.file, one.name,
                                shown.title);
    }
    return text + "</body>\n</html>\n";
}

} // namespace

tl::expected<void, std::string> draw(rrdtool& by, std::string const& directory,
                                     std::vector<std::string> const& appeared) {
    auto const all = pictures_in(directory, appeared);
    for (auto const& one : all) {
        auto const answer = by.run(fmt::format("last {}.rrd", one.file));
        if (!answer) return tl::unexpected(answer.error());
        std::int64_t last = 0;
        std::from_chars(answer->data(), answer->data() + answer->size(), last);
        for (auto const& over : ranges)
            if (auto const drawn = by.run(graph_command(one, over, last)); !drawn)
                return tl::unexpected(drawn.error());
    }
    return write_whole((fs::path(directory) / "index.html").string(), page(all));
}

} // namespace milter::tools::log_analyzer
