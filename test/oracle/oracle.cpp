// Random sessions natively and behind the manager: equal, or the smallest case that shows the difference is
// printed as a scenario. MILTER_ORACLE_CASES says how many, MILTER_ORACLE_SEED which is the first.
#include "oracle/dice.hpp"
#include "oracle/native.hpp"
#include "oracle/play.hpp"

#include "support/memory_stage.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace milter;
using oracle::session_case;

std::uint64_t setting(char const* name, std::uint64_t otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct failure {
    std::uint64_t order;
    std::string text;
};

// The first order of answers, of some, that shows a difference.
std::optional<failure> try_orders(session_case const& one, std::uint64_t first, unsigned orders) {
    for (std::uint64_t order = first; order < first + orders; ++order) {
        auto const seen = run_with_manager(one, order, false);
        auto text = difference(seen, run_natively(one, seen.agreed, seen.overtaken));
        if (!text.empty()) return failure{order, std::move(text)};
    }
    return {};
}

// Who sees the difference, and the letters of the packets in it.
std::string kind_of(std::string const& text) {
    std::string kind = text.substr(0, 5);
    for (auto at = text.find('['); at != std::string::npos; at = text.find('[', at + 1))
        kind += text.substr(at, 2);
    return kind;
}

// Takes away whatever is not needed for a difference of that kind to remain.
template <class List>
bool drop_one(session_case& smallest, failure& shown, List list) {
    constexpr unsigned orders = 20;
    bool dropped = false;
    for (std::size_t i = list(smallest).size(); i-- > 0;) {
        auto smaller = smallest;
        auto& all = list(smaller);
        if (all.size() <= 1) break;
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        auto found = try_orders(smaller, shown.order, orders);
        if (!found || kind_of(found->text) != kind_of(shown.text)) continue;
        smallest = std::move(smaller);
        shown = std::move(*found);
        dropped = true;
    }
    return dropped;
}

void shrink(session_case& smallest, failure& shown) {
    bool again = true;
    while (again) {
        again = drop_one(
            smallest, shown, [](session_case & c) -> auto& { return c.events; });
        again |= drop_one(
            smallest, shown, [](session_case & c) -> auto& { return c.children; });
        for (auto& event : smallest.events) {
            bool const needed = event.code == 'R' || (event.code == 'C' && smallest.recognises);
            if (!event.macros || needed) continue;
            auto macros = std::exchange(event.macros, {});
            if (auto found = try_orders(smallest, shown.order, 5))
                shown = std::move(*found);
            else
                event.macros = std::move(macros);
        }
    }
}

std::string children_line(session_case const& one) {
    std::string line = "children";
    for (auto const& child : one.children) {
        char const code = child.fallback;
        line += " " + child.name + "(fallback=" +
                (code == 'r'   ? "reject"
                 : code == 't' ? "temporary-failure"
                 : code == 'd' ? "discard"
                 : code == 'q' ? "quarantine"
                 : code == 's' ? "shutdown"
                               : "accept") +
                (child.fed_early ? "" : " early_feed=no") +
                (child.asked_in_parallel ? "" : " exact_connect=yes") +
                (child.mail_in_parallel ? " parallel_mail=yes" : "") +
                " reading_timeout=" + std::to_string(child.patience_ms) +
                "ms end_of_message_timeout=" + std::to_string(child.patience_at_end_ms) + "ms" +
                (one.retries ? "" : " retry=no") + (child.evaluated ? " evaluation" : "") + ")";
    }
    return line;
}

void print_scenario(session_case const& one, std::uint64_t order) {
    test::memory_stage stage;
    auto const played = run_with_manager(one, order, true);
    std::string const kind = one.recognises                         ? ""
                             : one.mta == oracle::mta_kind::generic ? " mta=generic"
                             : one.sendmail()                       ? " mta=sendmail"
                                                                    : " mta=postfix";
    std::vector<std::string> steps{children_line(one),
                                   "policy command_timeout=" + std::to_string(one.command_ms) +
                                       "ms end_of_message_timeout=" + std::to_string(one.end_ms) +
                                       "ms chunk_size=" + std::to_string(one.chunk_size) + kind};
    steps.insert(steps.end(), played.steps.begin(), played.steps.end());
    for (auto const& step : steps) {
        auto const came = stage.perform(step);
        std::printf("%s\n", step.c_str());
        if (!came || came->empty()) continue;
        std::printf("----\n");
        for (auto const& line : *came)
            std::printf("%s\n", line.c_str());
        std::printf("\n");
    }
}

void print(session_case one, failure shown) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(one.seed), shown.text.c_str());
    shrink(one, shown);
    std::printf("shrunk: %s\n\n# seed %llu: %s\n", shown.text.c_str(),
                static_cast<unsigned long long>(one.seed), shown.text.c_str());
    print_scenario(one, shown.order);
    std::printf("\n");
}

} // namespace

int main() {
    auto const cases = setting("MILTER_ORACLE_CASES", MILTER_ORACLE_CASES);
    auto const first = setting("MILTER_ORACLE_SEED", 1);
    constexpr int shown_at_most = 3;
    int wrong = 0;
    std::uint64_t messages = 0;
    for (auto seed = first; seed < first + cases && wrong < shown_at_most; ++seed) {
        auto const one = oracle::make_case(seed);
        auto const order = oracle::stir(seed);
        auto const seen = run_with_manager(one, order, false);
        auto const wanted = run_natively(one, seen.agreed, seen.overtaken);
        for (auto const& told : wanted.mta)
            messages += told.reply.find('\n') == std::string::npos ? 0U : 1U;
        auto text = difference(seen, wanted);
        if (text.empty()) continue;
        ++wrong;
        print(one, {order, std::move(text)});
    }
    std::printf("%llu sessions from seed %llu, %llu messages delivered, %d wrong\n",
                static_cast<unsigned long long>(cases), static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(messages), wrong);
    return wrong == 0 && messages > cases / 10 ? 0 : 1;
}
