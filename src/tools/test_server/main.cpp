// milter-test-server: plays an MTA that talks to a milter, and prints what the milter made of the message.
#include "tools/conformance/report.hpp"
#include "tools/conformance/suite.hpp"
#include "tools/console.hpp"
#include "tools/script/player.hpp"
#include "tools/test_server/conversation.hpp"
#include "tools/test_server/json.hpp"
#include "tools/test_server/load.hpp"
#include "tools/test_server/print.hpp"
#include "tools/test_server/replay.hpp"
#include "tools/test_server/settings.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

namespace {

using milter::tools::print_error;
using namespace milter::tools::test_server;
namespace conformance = milter::tools::conformance;
namespace script = milter::tools::script;

constexpr int could_not_talk = 1;
constexpr int unexpected_answer = 2;

// False, and said, when it cannot be.
bool is_printed(std::string const& text) {
    auto const printed = milter::tools::print_whole(text);
    if (!printed) print_error("{}\n", printed.error());
    return printed.has_value();
}

int print(result const& of, settings const& told) {
    if (!of.failure.empty()) {
        print_error("{}\n", of.failure);
        if (told.json) is_printed(json_of(of));
        return could_not_talk;
    }
    auto text = told.json ? json_of(of) : result_text(of);
    if (told.output_message && !told.json) text += "\n" + message_text(of.mail, told.color);
    if (!is_printed(text)) return could_not_talk;
    if (told.expected_status.empty() || told.expected_status == of.status) return 0;
    print_error("the status is {}, expected was {}\n", of.status, told.expected_status);
    return unexpected_answer;
}

int status_of(script::outcome const& of) {
    using kind = script::outcome::kind;
    return of.is == kind::as_expected ? 0 : of.is == kind::otherwise ? unexpected_answer : could_not_talk;
}

// One after the other, all of them; the worst counts: could_not_talk before unexpected_answer.
int play(settings const& told) {
    int status = 0;
    for (auto const& one : told.scripts) {
        boost::asio::io_context context(1);
        script::player player(context, one, told.where,
                              {told.connection_timeout, told.reading_timeout, told.end_of_message_timeout},
                              [] {});
        player.begin();
        context.run();
        auto const& came = player.result();
        auto const text = told.json ? json_of(came, one.name)
                                    : fmt::format("{}: {}; {} answers, {} compared\n", one.name,
                                                  came.complaint.empty() ? "as expected" : "failed",
                                                  came.answers, came.compared);
        if (!came.complaint.empty()) print_error("{}\n", came.complaint);
        int const now = is_printed(text) ? status_of(came) : could_not_talk;
        if (status != could_not_talk && now != 0) status = now;
    }
    return status;
}

int examine(settings const& told) {
    auto const found = conformance::examine(told, told.rules);
    if (!found) {
        print_error("{}\n", found.error());
        return could_not_talk;
    }
    if (!is_printed(told.json ? conformance::json(*found, told.rules)
                              : conformance::table(*found, told.rules)))
        return could_not_talk;
    return conformance::any_broken(*found, told.rules) ? unexpected_answer : 0;
}

int run(settings const& told) {
    boost::asio::io_context context(1);
    int status = 0;
    std::vector<std::unique_ptr<conversation>> all;
    for (unsigned number = 0; number < told.sessions; ++number) {
        // Each is printed whole when it ends.
        all.push_back(std::make_unique<conversation>(context, told, [&, number] {
            int const one = print(all[number]->result(), told);
            if (status != could_not_talk && one != 0) status = one;
        }));
        all.back()->begin();
    }
    context.run();
    return status;
}

} // namespace

int main(int count, char** words) try {
    milter::tools::keep_standard_descriptors();
    auto const told = parse(count, words);
    if (told.status) return *told.status;
    if (told.values.conformance) return examine(told.values);
    if (!told.values.replay.empty()) return run_replay(told.values);
    if (told.values.is_load) return run_load(told.values);
    return told.values.scripts.empty() ? run(told.values) : play(told.values);
} catch (std::exception const& wrong) { // no memory, no descriptors
    print_error("milter-test-server: {}\n", wrong.what());
    return 1;
}
