#include "tools/log_analyzer/report_page.hpp"

#include "tools/log_analyzer/colours.hpp"
#include "tools/log_analyzer/summary.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace milter::tools::log_analyzer {

namespace {

constexpr int width = 720, height = 180; // of a picture's area, in SVG's units
constexpr minute most_columns = 240;
constexpr minute column_sizes[] = {1, 5, 15, 60, 6 * 60, 24 * 60, 7 * 24 * 60};

struct columns {
    minute first, size, count;
};

columns columns_of(tables const& all) {
    auto const minutes = *all.last() - *all.first() + 1;
    auto size = column_sizes[0];
    for (auto const one : column_sizes)
        if (size = one; minutes / one < most_columns) break;
    auto const first = *all.first() / size * size;
    return {first, size, (*all.last() - first) / size + 1};
}

std::string_view name_of(minute size) {
    switch (size) {
    case 1:
        return "minute";
    case 60:
        return "hour";
    case 24 * 60:
        return "day";
    case 7 * 24 * 60:
        return "week";
    default:
        return size < 60 ? "few minutes" : "six hours";
    }
}

// The sum of a source in each column.
std::vector<std::uint64_t> sums(table const& of, std::size_t source, columns const& in) {
    std::vector<std::uint64_t> all(static_cast<std::size_t>(in.count));
    for (minute at = 0; at < in.count * in.size; ++at)
        all[static_cast<std::size_t>(at / in.size)] += of.row(in.first + at)[source];
    return all;
}

// Bars on top of each other, a colour a source.
std::string picture(table const& of, std::span<coloured const> colours, columns const& in) {
    std::vector<std::vector<std::uint64_t>> series;
    std::vector<std::uint64_t> heights(static_cast<std::size_t>(in.count));
    for (std::size_t source = 0; source < of.sources().size(); ++source) {
        series.push_back(sums(of, source, in));
        std::ranges::transform(heights, series.back(), heights.begin(), std::plus<>());
    }
    auto const most = std::max<std::uint64_t>(1, *std::ranges::max_element(heights));
    auto const x = static_cast<double>(width) / static_cast<double>(in.count);
    std::string text = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\"><rect width=\"{}\" height=\"{}\" "
                                   "fill=\"#f7f7f7\"/>",
                                   width, height + 16, width, height);
    std::vector<double> top(heights.size(), height);
    for (std::size_t source = 0; source < series.size(); ++source) {
        std::string path;
        for (std::size_t at = 0; at < heights.size(); ++at) {
            if (series[source][at] == 0) continue;
            auto const tall = static_cast<double>(series[source][at]) * height / static_cast<double>(most);
            top[at] -= tall;
            path += fmt::format("M{:.2f} {:.2f}h{:.2f}v{:.2f}h-{:.2f}z", static_cast<double>(at) * x, top[at],
                                x, tall, x);
        }
        if (!path.empty()) text += fmt::format("<path fill=\"{}\" d=\"{}\"/>", colours[source].colour, path);
    }
    return text + fmt::format(
                      "<text x=\"0\" y=\"{0}\">{1}</text><text x=\"{2}\" y=\"{0}\" "
                      "text-anchor=\"end\">{3}</text><text x=\"4\" y=\"12\">at most {4} a {5}</text></svg>\n",
                      height + 13, utc_text(in.first), width, utc_text(in.first + in.count * in.size), most,
                      name_of(in.size));
}

std::string figures(table const& of, std::span<coloured const> colours) {
    std::string text = "<table><tr><th></th><th>total</th><th>most in a minute</th></tr>\n";
    for (std::size_t source = 0; source < of.sources().size(); ++source) {
        auto const all = of.of(source);
        text +=
            fmt::format("<tr><td><span style=\"background:{}\"></span>{}</td><td>{}</td><td>{}</td></tr>\n",
                        colours[source].colour, colours[source].label, all.total, all.most);
    }
    return text + "</table>\n";
}

constexpr coloured session_table_colours[] = {{"smtp", "SMTP sessions", "#0000ff"},
                                              {"child", "milters that left early", "#888888"},
                                              {"disconnected", "Disconnected", "#ff9999"},
                                              {"concurrent", "Concurrent (most)", "#9999ff"}};

std::span<coloured const> colours_of(std::string const& name) {
    if (name == "session") return session_table_colours;
    if (name == "milter-manager.report" || name.starts_with("milter.report.")) return report_colours;
    return milter_status_colours;
}

} // namespace

std::string report_page(tables const& of) {
    std::string text = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<title>milter-manager statistics</title>\n<style>\n"
                       "body{font:14px sans-serif;max-width:760px;margin:2em auto}svg{width:100%}"
                       "svg text{font-size:11px}td+td,th{text-align:right;padding-left:2em}"
                       "td span{display:inline-block;width:1em;height:1em;margin-right:.5em}\n"
                       "</style>\n</head>\n<body>\n<h1>milter-manager statistics</h1>\n";
    if (!of.first()) return text + "<p>There is no statistics line in what was read.</p>\n</body>\n</html>\n";
    text += fmt::format("<p>{} to {}, {} lines of statistics.</p>\n", utc_text(*of.first()),
                        utc_text(*of.last() + 1), of.counted());
    auto const in = columns_of(of);
    of.each([&](std::string const& name, table const& one) {
        text += fmt::format("<h2>{}</h2>\n", name);
        text += picture(one, colours_of(name), in);
        text += figures(one, colours_of(name));
    });
    return text + "</body>\n</html>\n";
}

} // namespace milter::tools::log_analyzer
