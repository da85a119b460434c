#include "daemon/load.hpp"

#include "config/blocks.hpp"
#include "daemon/evaluator.hpp"
#include "daemon/places.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

namespace milter::daemon {

namespace {

using config::complaint;

constexpr std::size_t longest_json = 16U << 20; // bytes

std::optional<std::string> effective_user(options const& by) {
    std::optional<std::string> user;
    for (auto const& one : by.overrides) {
        if (one.name == "effective_user") user = std::string(one.to.as_string());
    }
    return user;
}

// Tests cannot wait for a minute.
std::chrono::milliseconds time_limit(std::chrono::milliseconds usual) {
    char const* text = std::getenv("MILTER_MANAGER_EVALUATION_TIMEOUT_MS");
    std::string_view const digits = text ? text : "";
    std::int64_t ms = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
    bool const given = error == std::errc{} && end == digits.data() + digits.size() && ms > 0;
    return given ? std::chrono::milliseconds(ms) : usual;
}

loaded from_json(std::string const& path, options const& by) {
    std::ifstream file(path, std::ios::binary);
    std::string text(longest_json + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > longest_json) {
        return {
            tl::unexpected(std::vector{complaint{path, "is larger than 16 MiB; a configuration is smaller"}}),
            {},
            {}};
    }
    if (!file.eof()) {
        return {tl::unexpected(std::vector{complaint{path, "cannot be read; a readable file is allowed"}}),
                {},
                {}};
    }
    auto read = config::parse(text, path, by.overrides);
    if (!read) return {std::move(read), {}, {}};
    if (auto complaints = config::blocks_that_nobody_runs(*read); !complaints.empty())
        return {tl::unexpected(std::move(complaints)), {}, {}};
    return {std::move(read), {}, {}};
}

loaded from_ruby(options const& by, std::stop_token stop, std::string const& custom_file) {
    evaluation_request request;
    request.custom_file = custom_file;
    request.load_path = load_path(by);
    request.effective_user = effective_user(by);
    request.library = ruby_library();
    request.stop = std::move(stop);
    request.workers = by.task == task::serve || by.task == task::explain;
    request.time_limit = time_limit(request.time_limit);
    auto done = evaluate(request);
    if (!done) {
        return {tl::unexpected(std::vector{complaint{"milter-manager.conf", std::move(done.error().why)}}),
                std::move(done.error().printed),
                {}};
    }
    auto read = config::parse(done->json, "milter-manager.conf", by.overrides);
    return {std::move(read), std::move(done->printed), std::move(done->ruby)};
}

// Of the files that the process itself writes.
void begin_paths_at(std::filesystem::path const& base, config::snapshot& what) {
    for (auto* const path : {&what.live.log.path, &what.live.spool_directory, &what.fixed.pid_file})
        if (*path && !(*path)->empty() && **path != "-") *path = (base / **path).string();
}

} // namespace

std::vector<std::string> load_path(options const& by) {
    std::vector<std::string> path;
    if (by.config_dir) path.push_back(*by.config_dir);
    if (char const* directory = std::getenv("MILTER_MANAGER_CONFIG_DIR"); directory && *directory) {
        path.emplace_back(directory);
    }
    path.push_back(configuration_directory());
    return path;
}

loaded load(options const& by, std::stop_token stop, std::string const& custom_file) {
    auto what = by.config_file ? from_json(*by.config_file, by) : from_ruby(by, std::move(stop), custom_file);
    if (what.result && !by.base.empty()) begin_paths_at(by.base, *what.result);
    return what;
}

} // namespace milter::daemon
