// Every triple of replies of three children at every event, their answers in every order, natively and behind
// the manager (chain VI.2: P12 to P19, P30, P50). MILTER_VERDICTS_STRIDE takes every so many of the triples.
#include "oracle/native.hpp"
#include "oracle/play.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace milter;
using oracle::child_script;
using oracle::session_case;

constexpr std::string_view events = "CHMRTLNBEU";

struct reply {
    char const* name;
    child_script what;
};

child_script says(char code) {
    child_script one;
    one.says = {code, ""};
    return one;
}
child_script says(std::string text) {
    child_script one;
    one.says = {'y', std::move(text) + '\0'};
    return one;
}

std::vector<reply> replies() {
    std::vector<reply> all{{"c", says('c')},
                           {"a", says('a')},
                           {"r", says('r')},
                           {"t", says('t')},
                           {"y4", says("451 4.7.1 later")},
                           {"y5", says("550 5.7.1 no")},
                           {"y421", says("421 4.7.0 bye")},
                           {"d", says('d')},
                           {"4", says('4')},
                           {"f", says('f')},
                           {"p+c", says('c')},
                           {"EOF", {}},
                           {"timeout", {}}};
    all[10].what.progress = true;
    all[11].what.closes = true;
    all[12].what.hangs = true;
    return all;
}

std::string text(std::string value) {
    return value += '\0';
}

session_case conversation(char at, bool exact, bool sendmail) {
    session_case one;
    one.mta = sendmail ? oracle::mta_kind::sendmail : oracle::mta_kind::postfix;
    one.exact = exact;
    one.offers = {6, 0x1FF, 0x1FFFFF};
    auto const add = [&](char code, std::string payload) {
        one.events.push_back({code, std::move(payload), {}, false, false});
    };
    add('C', text("host") + "4" + std::string{'\x61', '\xa8'} + text("192.0.2.1"));
    add('H', text("client"));
    if (at == 'U') add('U', text("XYZ"));
    add('M', text("<s@example.net>"));
    add('R', text("<one@example.com>"));
    add('R', text("<two@example.com>"));
    add('T', "");
    add('L', text("Subject") + text(" x"));
    add('N', "");
    add('B', "text\r\n");
    add('E', "");
    if (at != 'C' && at != 'H') { // what is left of it all for the next message
        add('M', text("<t@example.net>"));
        add('R', text("<three@example.com>"));
        add('E', "");
    }
    add('Q', "");
    constexpr std::array fallbacks{'a', 't', 'a'};
    for (std::size_t i = 0; i < fallbacks.size(); ++i) {
        oracle::child_plan child;
        child.name = std::string(1, static_cast<char>('a' + i));
        child.answers = {6, 0x1FF, 0x100000};
        child.fallback = fallbacks[i];
        child.asked_in_parallel = child.fed_early = !exact;
        one.children.push_back(std::move(child));
    }
    return one;
}

bool refuses(oracle::child_plan const& child) {
    auto const& script = *child.script;
    bool const fails = script.closes || script.hangs || script.says.code == 'f';
    return fails ? child.fallback != 'a'
                 : std::string_view("rtdy4").find(script.says.code) != std::string_view::npos;
}

// V.3: a child that is fed early can fail at content that natively it would not have got, because an earlier
// one refuses the message; and then it has failed for the messages behind it.
bool fails_in_vain(session_case const& one, char at) {
    if (one.exact || std::string_view("LNB").find(at) == std::string_view::npos) return false;
    bool refused = false;
    for (auto const& child : one.children) {
        auto const& script = *child.script;
        bool const fails = script.closes || script.hangs || script.says.code == 'f';
        if (refused && fails) return true;
        refused = refused || refuses(child);
    }
    return false;
}

struct tally {
    std::size_t triples = 0, runs = 0;
    int wrong = 0;
};

void compare(session_case const& one, std::string const& name, tally& counted) {
    std::vector<std::vector<std::size_t>> orders{{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    if (one.exact) orders.resize(1); // only one child is asked at a time
    auto const first = run_in_order(one, orders.front());
    auto const wanted = run_natively(one, first.agreed, {});
    for (auto const& order : orders) {
        ++counted.runs;
        auto const wrong = difference(&order == &orders.front() ? first : run_in_order(one, order), wanted);
        if (wrong.empty()) continue;
        ++counted.wrong;
        std::printf("%s%s, answers in the order %zu %zu %zu: %s\n", name.c_str(), one.exact ? ", exact" : "",
                    order[0], order[1], order[2], wrong.c_str());
    }
    ++counted.triples;
}

} // namespace

int main() {
    char const* const every = std::getenv("MILTER_VERDICTS_STRIDE");
    std::size_t const stride = every ? std::max(1UL, std::strtoul(every, nullptr, 10)) : 1;
    auto const all = replies();
    auto const n = all.size();
    tally counted;
    std::size_t skipped = 0;
    for (char const at : events)
        for (std::size_t number = 0; number < n * n * n; number += stride)
            for (bool const exact : {true, false}) {
                auto one = conversation(at, exact, number % 2 == 0);
                std::string name = "at " + std::string(1, at) + ":";
                auto rest = number;
                for (auto& child : one.children) {
                    child.script = all[rest % n].what;
                    child.script->at = at;
                    name += std::string(" ") + all[rest % n].name;
                    rest /= n;
                }
                if (fails_in_vain(one, at))
                    ++skipped;
                else
                    compare(one, name, counted);
                if (counted.wrong > 5) return 1;
            }
    std::printf("%zu triples in %zu runs, %zu not comparable (V.3), %d wrong\n", counted.triples,
                counted.runs, skipped, counted.wrong);
    return counted.wrong == 0 && counted.runs > 0 ? 0 : 1;
}
