// milter-manager-controller: asks a running milter-manager, and tells it what to do.
#include "tools/console.hpp"
#include "tools/controller/connection.hpp"
#include "tools/controller/print.hpp"
#include "tools/controller/settings.hpp"
#include "tools/controller/top.hpp"

#include <cstdio>
#include <exception>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace {

namespace json = boost::json;
using namespace milter::tools::controller;
using milter::tools::print_error, milter::tools::print_or_complain;

constexpr char const* program = "milter-manager-controller";

// What is said when it is done; "" when nothing has to be.
std::string text(settings const& told, json::object const& answer) {
    switch (told.task) {
    case task::status:
    case task::top:
        return status_text(answer);
    case task::sessions:
        return sessions_text(answer);
    case task::reload:
        return reload_text(answer);
    case task::stop: {
        auto const* const open = answer.if_contains("open");
        auto const count = open && open->is_int64() ? open->get_int64() : 0;
        return fmt::format("It is ending; {} sessions were in flight.\n", count);
    }
    case task::log_level:
        return text_of(answer, "level") + "\n";
    case task::version:
        return text_of(answer, "version") + "\n";
    case task::explain:
    case task::configuration: {
        auto const* const whole = answer.if_contains("text");
        return whole && whole->is_string() ? std::string(whole->get_string()) : "";
    }
    case task::disable:
    case task::enable:
    case task::ping:
        return "";
    }
    return "";
}

int fail(int status, std::string const& why) {
    print_error("milter-manager-controller: {}\n", why);
    return status;
}

int run(settings const& told) {
    if (told.task == task::top) return top(told);
    auto const line = ask(told.where, json::serialize(told.request), told.timeout);
    if (!line) return fail(not_reachable, line.error());
    boost::system::error_code ec;
    auto const value = json::parse(*line, ec);
    auto const* const answer = ec ? nullptr : value.if_object();
    auto const* const ok = answer ? answer->if_contains("ok") : nullptr;
    if (!ok || !ok->is_bool())
        return fail(not_reachable,
                    "what " + told.where.text() + " says is no answer; is this milter-manager?");
    int const status = ok->get_bool() ? done : refused;
    if (told.json) {
        int const printed = print_or_complain(*line + "\n", program);
        return printed ? printed : status;
    }
    if (status == done) {
        return print_or_complain(text(told, *answer), program);
    }
    print_error("{}", complaints_text(*answer));
    return fail(status, text_of(*answer, "error"));
}

} // namespace

int main(int count, char** words) try {
    milter::tools::keep_standard_descriptors();
    auto const told = parse(count, words);
    return told.status ? *told.status : run(told.values);
} catch (std::exception const& wrong) { // no memory, no descriptors
    return fail(not_reachable, wrong.what());
}
