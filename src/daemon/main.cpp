#include "config/detection.hpp"
#include "config/show.hpp"
#include "config/summary.hpp"
#include "daemon/early_signals.hpp"
#include "daemon/explain/run.hpp"
#include "daemon/load.hpp"
#include "daemon/options.hpp"
#include "daemon/start.hpp"
#include "tools/background.hpp"
#include "tools/console.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sysexits.h>

namespace milter::daemon {

namespace {

using tools::print_to_stderr;

// An exit status: who asked for a text and did not get it has to know.
int answer(std::string const& text) {
    return tools::print_or_complain(text, "milter-manager");
}

std::string whole_lines(std::string text) {
    return text.empty() || text.ends_with('\n') ? text : text + "\n";
}

// Half a configuration lets mail through unfiltered: with one complaint, nothing starts.
int refuse(std::vector<config::complaint> const& complaints) {
    for (auto const& one : complaints)
        print_to_stderr(one.text() + "\n");
    return EX_CONFIG;
}

int show(task what, config::snapshot const& running) {
    if (what == task::explain_detection) return answer(config::explain_detection(running));
    for (auto const& one : config::detection_warnings(running))
        print_to_stderr(one + "\n");
    return answer(config::show(running));
}

// In the process that serves, unless the files want it to be another one.
int begin(options& chosen, inherited_sockets given, background& away) {
    bool const serves = chosen.task == task::serve;
    note_early_signals(serves);
    auto configuration = load(chosen);
    if (end_was_noted()) configuration.ruby = {};
    after_reading(serves);
    print_to_stderr(whole_lines(configuration.printed));
    if (!configuration.result) return refuse(configuration.result.error());
    auto const running = std::make_shared<config::snapshot const>(std::move(*configuration.result));
    if (chosen.task == task::show_config || chosen.task == task::explain_detection)
        return show(chosen.task, *running);
    if (!running->sockets.manager.where) {
        return refuse({{"manager.connection_spec", "is nil; to serve, a socket for the MTA is needed"}});
    }
    if (auto const complaints = complaints_about_start(*running); !complaints.empty())
        return refuse(complaints);
    if (chosen.task == task::explain)
        return explain::run(running, std::move(configuration.ruby), chosen.mail);
    if (chosen.task == task::check_config) return answer(config::summary(*running));
    if (!running->fixed.daemon || away)
        return serve(running, std::move(configuration.ruby), chosen, std::move(given), away);
    // Ruby's process, which runs the blocks, must be a child of the one that serves.
    configuration.ruby = {};
    stay_here(chosen);
    away = background::detach("milter-manager");
    return begin(chosen, std::move(given), away);
}

int run(int argc, char const* const* argv) {
    auto given = inherited_sockets::of_service_manager();
    auto chosen = parse_options(argc, argv);
    if (!chosen) {
        if (chosen.error().status == 0) return answer(chosen.error().text);
        print_to_stderr(chosen.error().text);
        return chosen.error().status;
    }
    background away;
    if (chosen->task == task::serve && wants_background(*chosen).value_or(false)) {
        stay_here(*chosen);
        away = background::detach("milter-manager");
    }
    int const status = begin(*chosen, std::move(given), away);
    away.ended(status);
    return status;
}

} // namespace

} // namespace milter::daemon

int main(int argc, char** argv) {
    milter::tools::keep_standard_descriptors();
    try {
        return milter::daemon::run(argc, argv);
    } catch (std::exception const& refused) {
        std::fprintf(stderr, "milter-manager: %s\n", refused.what());
        return 1;
    }
}
