// milter-test-server: plays an MTA that talks to a milter, and prints what the milter made of the message.
#include "tools/test_server/conversation.hpp"
#include "tools/test_server/print.hpp"
#include "tools/test_server/settings.hpp"

#include <cstdio>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

namespace {

using namespace milter::tools::test_server;

constexpr int could_not_talk = 1;
constexpr int unexpected_answer = 2;

int print(result const& of, settings const& told) {
    if (!of.failure.empty()) {
        fmt::print(stderr, "{}\n", of.failure);
        return could_not_talk;
    }
    auto text = result_text(of);
    if (told.output_message) text += "\n" + message_text(of.mail, told.color);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (told.expected_status.empty() || told.expected_status == of.status) return 0;
    fmt::print(stderr, "the status is {}, expected was {}\n", of.status, told.expected_status);
    return unexpected_answer;
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

int main(int count, char** words) {
    auto const told = parse(count, words);
    return told.status ? *told.status : run(told.values);
}
