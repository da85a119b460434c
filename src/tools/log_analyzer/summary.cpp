#include "tools/log_analyzer/summary.hpp"

#include <ctime>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::log_analyzer {

namespace {

namespace json = boost::json;

std::int64_t minutes_of(tables const& of) {
    return of.first() ? *of.last() - *of.first() + 1 : 0;
}

double per_minute(std::uint64_t total, std::int64_t minutes) {
    return minutes == 0 ? 0.0 : static_cast<double>(total) / static_cast<double>(minutes);
}

} // namespace

std::string utc_text(minute when) {
    std::time_t const time = when * 60;
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string as_json(tables const& of, std::uint64_t lines) {
    json::object all{{"lines", lines}, {"counted", of.counted()}, {"minutes", minutes_of(of)}};
    all["first"] = of.first() ? json::value(utc_text(*of.first())) : json::value();
    all["last"] = of.last() ? json::value(utc_text(*of.last())) : json::value();
    json::object by_name;
    of.each([&](std::string const& name, table const& one) {
        json::object sources;
        for (std::size_t source = 0; source < one.sources().size(); ++source) {
            auto const figures = one.of(source);
            sources[one.sources()[source]] =
                json::object{{"total", figures.total},
                             {"per_minute", per_minute(figures.total, minutes_of(of))},
                             {"most_per_minute", figures.most}};
        }
        by_name[name] = std::move(sources);
    });
    all["tables"] = std::move(by_name);
    return json::serialize(all) + "\n";
}

std::string as_csv(tables const& of) {
    std::string text = "table,source,total,per_minute,most_per_minute\n";
    of.each([&](std::string const& name, table const& one) {
        for (std::size_t source = 0; source < one.sources().size(); ++source) {
            auto const figures = one.of(source);
            text += fmt::format("{},{},{},{:.4f},{}\n", name, one.sources()[source], figures.total,
                                per_minute(figures.total, minutes_of(of)), figures.most);
        }
    });
    return text;
}

} // namespace milter::tools::log_analyzer
