#include "tools/controller/top.hpp"

#include "tools/console.hpp"
#include "tools/controller/connection.hpp"
#include "tools/controller/print.hpp"
#include "tools/controller/terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <tl/expected.hpp>

namespace milter::tools::controller {

namespace {

namespace json = boost::json;
using steady = std::chrono::steady_clock;
using look = tl::expected<json::object, std::string>;

constexpr std::chrono::milliseconds most_patience{5'000}; // nobody hears the keys meanwhile

look look_at(settings const& told) {
    auto const patience = std::min(told.timeout, most_patience);
    auto const answer = ask(told.where, json::serialize(told.request), patience);
    if (!answer) return tl::unexpected(answer.error());
    boost::system::error_code ec;
    auto const value = json::parse(*answer, ec);
    if (ec || !value.is_object()) return tl::unexpected(std::string("no JSON came; is this milter-manager?"));
    return value.get_object();
}

int cannot(std::string const& why) {
    print_error("milter-manager-controller: {}\n", why);
    return not_reachable;
}

} // namespace

int top(settings const& told) {
    auto seen = look_at(told);
    if (!seen) return cannot(seen.error());
    if (told.once) {
        return print_or_complain(told.json ? json::serialize(*seen) + "\n" : top_text(*seen, {}, 0),
                                 "milter-manager-controller");
    }
    auto at = steady::now();
    terminal const screen;
    std::string text = top_text(*seen, {}, 0);
    for (;;) {
        screen.draw(told.json && seen ? json::serialize(*seen) : text);
        if (screen.wait(told.interval)) return done;
        auto fresh = look_at(told);
        auto const now = steady::now();
        if (fresh)
            text = top_text(*fresh, seen ? *seen : json::object{},
                            seen ? std::chrono::duration<double>(now - at).count() : 0);
        else // it may be restarting
            text = fresh.error() + "\n";
        seen = std::move(fresh);
        at = now;
    }
}

} // namespace milter::tools::controller
