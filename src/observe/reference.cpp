#include "observe/events.hpp"
#include "observe/keys.hpp"

#include <iterator>

#include <fmt/format.h>

namespace milter::observe {

namespace {

constexpr std::string_view opening = R"(# The words of the log

Printed by `milter-manager --log-reference` from the tables that the program itself uses; do not edit. Where lines go and what they
look like is in [manual/logs.md](manual/logs.md).

## Events

Each line but the statistics lines has one of these names behind its level.

| event | level | says | do |
|---|---|---|---|
)";

constexpr std::string_view keys_opening = R"(
## Keys

One word means one thing in every line. Every line about a session has `session`; `child` and `queue_id` are there when they are known.

| key | means |
|---|---|
)";

// logs 4: the letters of it are in proxy/statistics.
constexpr std::string_view statistics = R"(
## Statistics lines

At the level `statistics`; in the system's log with `[statistics] ` in front. Other programs read them: they stay as they are, to the letter.
TAG is the number of the session (`session` in the events); its children have the numbers behind it, in their order.

| line | when |
|---|---|
| `[session][end][STATE][STATUS][SECONDS](TAG)` | a session is over: the MTA's last command, and what it was answered; `abort` when it did not wait for the answer, `error` when it broke the protocol |
| `[session][disconnected][SECONDS](TAG)` | a connection checker has missed the SMTP client |
| `[milter][end][STATE][STATUS][SECONDS](TAG): NAME` | a child left the session early: by its answer at connect or helo, by a condition there (`stop`), or because it failed |
| `[milter][header][add](TAG): <NAME>=<VALUE>: MILTER` | a child added, inserted or changed a header field; in evaluation mode too |
| `[session][header][add](TAG): <NAME>=<VALUE>` | the MTA was told to |
| `[reply][end-of-message][quarantine](TAG)` | the MTA was told to quarantine the message |
| `[sessions][finished] N(+M) P` | N sessions are over, M of them since the last such line, P are running |
)";

} // namespace

std::string log_reference() {
    std::string out(opening);
    auto const to = std::back_inserter(out);
    for (auto const& one : events())
        fmt::format_to(to, "| `{}` | {} | {} | {} |\n", one.name, one.level, one.meaning, one.advice);
    out += keys_opening;
    for (auto const& one : dictionary())
        fmt::format_to(to, "| `{}` | {} |\n", one.key, one.meaning);
    return out.append(statistics);
}

} // namespace milter::observe
