// MTAs made with the library: library_sessions SPEC SESSIONS AT_ONCE. Each is a session with a message that
// the milter at SPEC must stamp with its id. Prints how many were right; status 1 when one was not.
#include <milter/mta.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

// "" when everything was as it should be.
std::string one_session(std::string const& spec, std::size_t number) {
    milter::mta mta(spec);
    if (!mta) return mta.error();
    auto const id = "ID" + std::to_string(number);
    mta.connect("client.example", "192.0.2.1");
    mta.helo("client.example");
    for (std::size_t message = number % 5 == 0 ? 0 : 1; message < 2; ++message) {
        if (message == 1) mta.abort();
        mta.macros(milter::macro_stage::mail, {{"i", id}});
        mta.mail("<a@example.com>");
        mta.rcpt("<b@example.net>");
    }
    if (number % 7 == 0) return ""; // hangs up without a word
    mta.data();
    mta.header("Subject", "number " + std::to_string(number));
    mta.end_of_headers();
    mta.body(std::string(2000, 'x'));
    auto const heard = mta.end_of_message();
    if (heard.what != milter::verdict::go_on) return std::string(milter::word(heard.what)) + " " + heard.text;
    if (heard.edits.size() != 1 || !heard.edits[0].value.ends_with("id=" + id))
        return "not the stamp of " + id;
    mta.quit();
    return "";
}

} // namespace

int main(int count, char** words) {
    if (count != 4) return EXIT_FAILURE;
    std::size_t const all = std::strtoul(words[2], nullptr, 10);
    std::size_t const at_once = std::strtoul(words[3], nullptr, 10);
    std::atomic<std::size_t> next = 0, right = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < at_once; ++i)
        threads.emplace_back([&] {
            for (std::size_t number; (number = next++) < all;)
                if (auto const wrong = one_session(words[1], number); wrong.empty())
                    ++right;
                else
                    std::fprintf(stderr, "session %zu: %s\n", number, wrong.c_str());
        });
    for (auto& one : threads)
        one.join();
    std::printf("%zu\n", right.load());
    return right == all ? EXIT_SUCCESS : EXIT_FAILURE;
}
