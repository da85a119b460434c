#include "config/detection.hpp"
#include "config/show.hpp"
#include "config/summary.hpp"
#include "daemon/house.hpp"
#include "daemon/load.hpp"
#include "daemon/options.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sysexits.h>

namespace milter::daemon {

namespace {

void print(std::FILE* to, std::string const& text) {
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
}

std::string whole_lines(std::string text) {
    return text.empty() || text.ends_with('\n') ? text : text + "\n";
}

// Half a configuration lets mail through unfiltered: with one complaint, nothing starts.
int refuse(std::vector<config::complaint> const& complaints) {
    for (auto const& one : complaints)
        print(stderr, one.text() + "\n");
    return EX_CONFIG;
}

int run(int argc, char const* const* argv) {
    auto const chosen = parse_options(argc, argv);
    if (!chosen) {
        print(chosen.error().status == 0 ? stdout : stderr, chosen.error().text);
        return chosen.error().status;
    }
    auto configuration = load(*chosen);
    print(stderr, whole_lines(configuration.printed));
    if (!configuration.result) return refuse(configuration.result.error());
    auto const running = std::make_shared<config::snapshot const>(std::move(*configuration.result));
    if (chosen->task == task::show_config) {
        for (auto const& one : config::detection_warnings(*running))
            print(stderr, one + "\n");
        print(stdout, config::show(*running));
        return 0;
    }
    if (chosen->task == task::explain_detection) {
        print(stdout, config::explain_detection(*running));
        return 0;
    }
    if (!running->fixed.manager.where) {
        return refuse({{"manager.connection_spec", "is nil; to serve, a socket for the MTA is needed"}});
    }
    if (chosen->task == task::check_config) {
        print(stdout, config::summary(*running));
        return 0;
    }
    return serve(running, std::move(configuration.ruby), *chosen);
}

} // namespace

} // namespace milter::daemon

int main(int argc, char** argv) {
    try {
        return milter::daemon::run(argc, argv);
    } catch (std::exception const& refused) {
        std::fprintf(stderr, "milter-manager: %s\n", refused.what());
        return 1;
    }
}
