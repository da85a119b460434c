#include "tools/log_analyzer/database.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace milter::tools::log_analyzer {

namespace {

namespace fs = std::filesystem;
using done = tl::expected<void, std::string>;

constexpr int step_s = 60;
constexpr int heartbeat_s = 180;
constexpr int rows = 200;
constexpr int steps_of_ranges[] = {8, 56, 280, 3360}; // day, week, month, year
constexpr minute updates_at_once = 1000;

// The data sources of a file, in their order.
tl::expected<std::vector<std::string>, std::string> sources_of(rrdtool& by, std::string const& file) {
    auto const info = by.run("info " + file);
    if (!info) return tl::unexpected(info.error());
    std::vector<std::string> names;
    for (std::string_view rest = *info; !rest.empty();) {
        auto const end = std::min(rest.find('\n'), rest.size());
        auto const line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        auto const close = line.find("].index = ");
        if (line.starts_with("ds[") && close != std::string_view::npos)
            names.emplace_back(line.substr(3, close - 3));
    }
    return names;
}

std::string defined(std::string_view source) {
    return fmt::format("DS:{}:GAUGE:{}:0:U", source, heartbeat_s);
}

done create(rrdtool& by, std::string const& file, table const& like, minute first) {
    auto command = fmt::format("create {} --step {} --start {}", file, step_s, first * step_s - 1);
    for (auto const source : like.sources())
        command += " " + defined(source);
    for (auto const* const kind : {"MAX", "AVERAGE", "LAST"})
        for (int const steps : steps_of_ranges)
            command += fmt::format(" RRA:{}:0.5:{}:{}", kind, steps, rows);
    if (auto const made = by.run(command); !made) return tl::unexpected(made.error());
    return {};
}

// Sources that this version has added are appended.
done complete(rrdtool& by, std::string const& file, table const& like) {
    auto const there = sources_of(by, file);
    if (!there) return tl::unexpected(there.error());
    auto const wanted = like.sources();
    if (there->size() > wanted.size() || !std::equal(there->begin(), there->end(), wanted.begin()))
        return tl::unexpected(fmt::format("{}: data source can't be removed! It has [{}], and [{}] is "
                                          "wanted; move the file away to begin a new one",
                                          file, fmt::join(*there, " "), fmt::join(wanted, " ")));
    for (auto const source : wanted.subspan(there->size())) {
        auto const added = by.run(fmt::format("tune {} {}", file, defined(source)));
        if (!added) return tl::unexpected(added.error());
    }
    return {};
}

tl::expected<minute, std::string> last_of(rrdtool& by, std::string const& file) {
    auto const last = by.run("last " + file);
    if (!last) return tl::unexpected(last.error());
    std::int64_t seconds = 0;
    std::from_chars(last->data(), last->data() + last->size(), seconds);
    return seconds / step_s;
}

bool empty(table const& one, minute at) {
    return std::ranges::all_of(one.row(at), [](auto count) { return count == 0; });
}

// Of minutes without anything only as many are written as keep the file's heartbeat: it takes a value for all
// of the time since the last.
done fill(rrdtool& by, std::string const& file, table const& from, minute begin, minute end) {
    constexpr minute longest = heartbeat_s / step_s;
    minute written = begin - 1;
    for (minute at = begin; at <= end;) {
        auto command = "update " + file;
        for (minute updates = 0; at <= end && updates < updates_at_once; ++at) {
            bool const needed =
                at == end || at - written == longest || !empty(from, at) || !empty(from, at + 1);
            if (!needed) continue;
            command += fmt::format(" {}:{}", at * step_s, fmt::join(from.row(at), ":"));
            written = at;
            ++updates;
        }
        if (auto const updated = by.run(command); !updated) return tl::unexpected(updated.error());
    }
    return {};
}

// An older version's "temporary-failure" is "temporary_failure".
done rename_sources(rrdtool& by, std::string const& file) {
    auto const there = sources_of(by, file);
    if (!there) return tl::unexpected(there.error());
    for (auto const& old : *there) {
        auto fresh = old;
        std::ranges::replace(fresh, '-', '_');
        if (fresh == old) continue;
        auto const renamed = by.run(fmt::format("tune {} --data-source-rename {}:{}", file, old, fresh));
        if (!renamed) return tl::unexpected(renamed.error());
    }
    return {};
}

std::string name_of_now(std::string const& old) {
    if (old == "milter-log.session.rrd") return "session.rrd";
    if (old == "milter-log.mail.rrd" || old == "milter-manager.rrd") return "milter-manager.status.rrd";
    std::string_view name = old;
    for (std::string_view const prefix : {"milter-log.milter.", "milter."}) {
        if (!name.starts_with(prefix)) continue;
        name.remove_prefix(prefix.size());
        if (prefix == "milter." && (name.starts_with("status.") || name.starts_with("report."))) return old;
        return "milter.status." + std::string(name);
    }
    return old;
}

// Names that rrdtool's commands can hold; others are nothing of ours.
bool plain(std::string const& name) {
    return name.find_first_of(" \"'\\\n\t:") == std::string::npos;
}

} // namespace

done migrate(rrdtool& by, std::string const& directory) {
    std::vector<std::string> files;
    std::error_code failed;
    for (auto const& one : fs::directory_iterator(directory, failed))
        if (one.path().extension() == ".rrd" && plain(one.path().filename()))
            files.push_back(one.path().filename());
    for (auto const& old : files) {
        auto const fresh = name_of_now(old);
        if (fresh != old && !fs::exists(fs::path(directory) / fresh))
            fs::rename(fs::path(directory) / old, fs::path(directory) / fresh, failed);
        if (failed)
            return tl::unexpected(
                fmt::format("cannot rename {} to {} in {}: {}", old, fresh, directory, failed.message()));
        if (auto const renamed = rename_sources(by, fresh); !renamed) return renamed;
    }
    return {};
}

done update(rrdtool& by, std::string const& directory, tables const& with) {
    if (!with.first()) return {};
    done result;
    with.each([&](std::string const& name, table const& one) {
        if (!result) return;
        auto const file = name + ".rrd";
        auto begin = *with.first();
        if (fs::exists(fs::path(directory) / file)) {
            result = complete(by, file, one);
            auto const last = result ? last_of(by, file) : tl::unexpected(result.error());
            if (last)
                begin = *last + 1; // what was left out since then, too
            else
                result = tl::unexpected(last.error());
        } else {
            result = create(by, file, one, begin);
            // On a full disk rrdtool says OK, and leaves nothing.
            if (result && !fs::exists(fs::path(directory) / file))
                result = tl::unexpected(
                    fmt::format("rrdtool create {}: there is no file then; is the disk full?", file));
        }
        if (result) result = fill(by, file, one, begin, *with.last());
    });
    return result;
}

} // namespace milter::tools::log_analyzer
