#include "tools/log_analyzer/settings.hpp"

#include "tools/arguments.hpp"

namespace milter::tools::log_analyzer {

parsed parse(int count, char const* const* words) {
    parsed all;
    auto& into = all.values;
    arguments line("Counts what milter-manager's statistics lines say, a minute at a time.",
                   "milter-manager-log-analyzer", "milter-manager-log-analyzer " MILTER_VERSION);
    bool update = false, no_update = false, directory = false;
    line.each(
        "--log", [&into](std::string const& path) { into.logs.push_back(path); },
        "FILE: a log, plain or gzip; \"-\" is standard input. May be given several times");
    line.each(
        "--output-directory",
        [&](std::string const& path) {
            into.directory = path;
            directory = true;
        },
        "DIR: where RRD files, pictures and index.html go (.)");
    line.flag("--update-db", update, "Update the RRD files (the default)");
    line.flag("--no-update-db", no_update, "Only draw what the RRD files have");
    line.flag("--json", into.json, "Print totals as JSON");
    line.flag("--csv", into.csv, "Print totals as CSV");
    line.text("--html", into.html, "FILE: write a page with pictures that needs no RRDtool");
    std::vector<std::string> named;
    line.app().add_option("files", named, "Logs, as with --log")->option_text("FILE...")->expected(-1);
    all.status = line.parse(count, words);
    into.logs.insert(into.logs.end(), named.begin(), named.end());
    if (into.logs.empty()) into.logs.emplace_back("-");
    // Who asks for one of these wants it alone, unless he says otherwise.
    bool const another = into.json || into.csv || !into.html.empty();
    bool const files_wanted = !another || directory || update;
    into.draw = files_wanted;
    into.update = files_wanted && !no_update;
    return all;
}

} // namespace milter::tools::log_analyzer
