// milter-performance-check: sends mails to an SMTP server, and says how long they took and what became of
// them.
#include "tools/console.hpp"
#include "tools/performance_check/load.hpp"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fmt/format.h>

namespace {

using milter::tools::print_error;
using namespace milter::tools::performance_check;

int refuse(std::string const& why) {
    print_error("milter-performance-check: {}\n", why);
    return 1;
}

int run(settings const& told) {
    auto const mails = load_mails(told.paths, told.who);
    if (!mails) return refuse(mails.error());
    tally all;
    auto const took = send_all(told, *mails, all);
    auto const text = told.json ? all.json(took) : all.report(took, told.report_failures);
    if (auto const printed = milter::tools::print_whole(text); !printed) return refuse(printed.error());
    return 0;
}

} // namespace

int main(int count, char** words) {
    milter::tools::keep_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN);
    try {
        auto const told = parse(count, words);
        return told.status ? *told.status : run(told.values);
    } catch (std::exception const& refused) {
        return refuse(refused.what());
    }
}
