#include "config/expressions.hpp"

#include "config/expression_forms.hpp"
#include "config/inspect.hpp"
#include "config/nearest.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;
using core::expression;

constexpr std::uint16_t dns_port = 53;

expression never() {
    return {core::always{false}};
}

std::string key_is(std::string_view key, json::value const& given) {
    return fmt::format("{} is {}; ", inspect(key), inspect(given));
}

bool is_text_key(std::string_view key, core::text_is::of& what) {
    using of = core::text_is::of;
    constexpr std::array<std::pair<std::string_view, of>, 5> all{{{"host", of::host},
                                                                  {"helo", of::helo},
                                                                  {"sender", of::sender},
                                                                  {"sender_domain", of::sender_domain},
                                                                  {"recipient", of::recipient}}};
    for (auto const& [name, kind] : all) {
        if (name != key) continue;
        what = kind;
        return true;
    }
    return false;
}

// Minutes since midnight of "HH:MM".
std::optional<std::uint32_t> minutes(std::string_view text) {
    auto const colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::uint32_t hour = 0;
    std::uint32_t minute = 0;
    auto const read = [](std::string_view digits, std::uint32_t& into) {
        auto const [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
        return failed == std::errc() && end == digits.data() + digits.size();
    };
    if (!read(text.substr(0, colon), hour) || !read(text.substr(colon + 1), minute)) return std::nullopt;
    if (hour > 24 || minute > 59) return std::nullopt;
    return hour * 60 + minute;
}

} // namespace

expression expression_reader::read(json::value const& given, std::string const& where) {
    where_ = where;
    if (auto const* one = given.if_object()) return read_object(*one);
    complain("an expression is " + inspect(given) + "; an object like {\"authenticated\": true} is allowed");
    return never();
}

expression expression_reader::read_object(object const& given) {
    if (auto const* place = given.if_contains("location"); place && place->is_string())
        where_ = place->as_string().c_str();
    if (auto wrong = misnamed(given); !wrong.empty()) {
        complain(std::move(wrong));
        return never();
    }
    auto const key = form_of(given)->key;
    auto const& to = given.at(key);
    core::text_is::of what{};
    if (is_text_key(key, what)) return {core::text_is{what, patterns(&to)}};
    if (key == "always") return {core::always{flag(to, key)}};
    if (key == "authenticated" || key == "postfix") {
        if (to != json::value(true)) complain(key_is(key, to) + "true is allowed; {\"not\": ...} negates it");
        return key == "postfix" ? expression{core::by_postfix{}} : expression{core::authenticated{}};
    }
    if (key == "all") return {core::all_of{read_all(to)}};
    if (key == "any") return {core::any_of{read_all(to)}};
    if (key == "not") {
        if (auto const* inner = to.if_object()) return {core::negation{{read_object(*inner)}}};
        complain("\"not\" is " + inspect(to) + "; an expression is allowed");
        return never();
    }
    if (key == "client_in") return {core::client_in{networks(&to)}};
    if (key == "client_family") return client_family(to);
    if (key == "client") return client_is(given);
    if (key == "recipients")
        return {core::recipients_are{quantity(to) == "all", patterns(given.if_contains("is"))}};
    if (key == "macro") {
        core::macro_is one{text(to, key), {}};
        if (auto const* is = given.if_contains("is")) one.patterns = patterns(is);
        return {std::move(one)};
    }
    if (key == "header") return {core::header_is{text(to, key), patterns(given.if_contains("is"))}};
    if (key == "size_over") return {core::larger_than{number(to, key)}};
    if (key == "time") return time_between(to);
    if (key == "sessions_at_least") return {core::sessions_at_least{number(to, key)}};
    if (key == "child") return child_said(given);
    if (key == "dnsbl") return asks_dns(to);
    return {
        core::asks{add_question({core::ruby_block{static_cast<std::uint32_t>(number(to, key))}, where_})}};
}

std::vector<expression> expression_reader::read_all(json::value const& list) {
    std::vector<expression> all;
    if (!list.is_array()) {
        complain("\"all\" or \"any\" is " + inspect(list) + "; an array of expressions is allowed");
        return all;
    }
    for (auto const& one : list.as_array()) {
        if (auto const* inner = one.if_object())
            all.push_back(read_object(*inner));
        else
            complain("an expression is " + inspect(one) + "; an object is allowed");
    }
    return all;
}

std::string expression_reader::text(json::value const& given, std::string_view what) {
    if (auto const* found = given.if_string()) return std::string(*found);
    complain(fmt::format("{} is {}; a text is allowed", inspect(what), inspect(given)));
    return {};
}

bool expression_reader::flag(json::value const& given, std::string_view what) {
    if (!given.is_bool()) complain(key_is(what, given) + "true or false is allowed");
    return given == json::value(true);
}

std::string expression_reader::quantity(json::value const& given) {
    auto word = text(given, "recipients");
    if (given.is_string() && std::find(quantities.begin(), quantities.end(), word) == quantities.end())
        complain(key_is("recipients", given) + "any or all is allowed");
    return word;
}

std::uint64_t expression_reader::number(json::value const& given, std::string_view what) {
    boost::system::error_code failed;
    auto const found = given.to_number<std::uint64_t>(failed);
    if (failed) complain(fmt::format("{} is {}; a number from 0 is allowed", inspect(what), inspect(given)));
    return failed ? 0 : found;
}

core::pattern_list expression_reader::patterns(json::value const* list) {
    std::vector<core::pattern> all;
    if (!list || !list->is_array()) {
        complain("patterns are " + (list ? inspect(*list) : std::string("missing")) +
                 "; an array like [\"text\", {\"regexp\": \"\\\\A...\"}] is allowed");
        return core::pattern_list(std::move(all));
    }
    for (auto const& one : list->as_array())
        if (auto made = pattern(one)) all.push_back(std::move(*made));
    return core::pattern_list(std::move(all));
}

std::optional<core::pattern> expression_reader::pattern(json::value const& given) {
    if (auto const* plain = given.if_string())
        return core::pattern{core::pattern::same{std::string(*plain), false}, false, true};
    if (auto const* one = given.if_object()) {
        auto made = pattern_object(*one);
        if (!made) return made;
        if (auto const* negate = one->if_contains("negate")) made->negated = flag(*negate, "negate");
        if (auto const* result = one->if_contains("result")) made->result = flag(*result, "result");
        return made;
    }
    complain("a pattern is " + inspect(given) + "; a text or an object is allowed");
    return std::nullopt;
}

std::optional<core::pattern> expression_reader::pattern_object(object const& given) {
    auto const place = [&] {
        auto const* at = given.if_contains("location");
        return at && at->is_string() ? std::string(at->as_string()) : where_;
    };
    std::vector<std::string_view> known(pattern_kinds.begin(), pattern_kinds.end());
    known.insert(known.end(), pattern_options.begin(), pattern_options.end());
    if (auto wrong = unknown_name(given, known, "a pattern"); !wrong.empty()) {
        complain(std::move(wrong));
        return std::nullopt;
    }
    auto const kinds = std::count_if(pattern_kinds.begin(), pattern_kinds.end(),
                                     [&](std::string_view kind) { return given.contains(kind); });
    if (kinds > 1) {
        complain("a pattern is " + inspect(json::value(given)) + "; only one of " +
                 fmt::format("{}", fmt::join(pattern_kinds, ", ")) + " is allowed");
        return std::nullopt;
    }
    if (auto const* plain = given.if_contains("text")) {
        auto const* exact = given.if_contains("exact");
        return core::pattern{core::pattern::same{text(*plain, "text"), exact && flag(*exact, "exact")}};
    }
    if (auto const* domain = given.if_contains("domain"))
        return core::pattern{core::pattern::below{text(*domain, "domain")}};
    if (auto const* words = given.if_contains("texts"); words && words->is_array()) {
        core::pattern::words all;
        for (auto const& one : words->as_array())
            all.insert(core::lower_case(text(one, "texts")));
        return core::pattern{std::move(all)};
    }
    if (auto const* source = given.if_contains("regexp")) {
        auto const* options = given.if_contains("options");
        auto made = core::regexp::compile(text(*source, "regexp"), options ? text(*options, "options") : "");
        if (made) return core::pattern{std::move(*made)};
        complaints_.push_back({place(), "no regular expression: " + inspect(*source) + ": " + made.error()});
        return std::nullopt;
    }
    if (auto const* net = given.if_contains("cidr")) {
        auto made = core::network::parse(text(*net, "cidr"));
        if (made) return core::pattern{*made};
        complaints_.push_back({place(), made.error()});
        return std::nullopt;
    }
    complain("a pattern is " + inspect(json::value(given)) +
             "; an object with one of text, texts, domain, regexp, cidr is allowed");
    return std::nullopt;
}

std::vector<core::network> expression_reader::networks(json::value const* list) {
    std::vector<core::network> all;
    if (!list) return all;
    if (!list->is_array()) {
        complain("networks are " + inspect(*list) + "; an array like [\"192.0.2.0/24\"] is allowed");
        return all;
    }
    for (auto const& one : list->as_array()) {
        auto made = core::network::parse(text(one, "network"));
        if (made)
            all.push_back(*made);
        else
            complain(made.error());
    }
    return all;
}

expression expression_reader::client_family(json::value const& given) {
    auto const name = text(given, "client_family");
    if (name == "inet") return {core::client_family{'4'}};
    if (name == "inet6") return {core::client_family{'6'}};
    if (name == "unix") return {core::client_family{'L'}};
    if (name == "unknown") return {core::client_family{'U'}};
    complain("client_family is " + inspect(given) + "; inet, inet6, unix or unknown is allowed");
    return never();
}

expression expression_reader::client_is(object const& given) {
    auto const which = text(given.at("client"), "client");
    if (which != "local" && which != "remote")
        complain("client is " + inspect(given.at("client")) + "; local or remote is allowed");
    return {core::client_is{which == "local", networks(given.if_contains("local")),
                            networks(given.if_contains("remote"))}};
}

expression expression_reader::time_between(json::value const& given) {
    core::time_between made;
    auto const* const parts = given.if_object();
    auto const read = [&](std::string_view name, std::uint32_t& into) {
        auto const* const one = parts ? parts->if_contains(name) : nullptr;
        if (!one) return;
        auto const found = one->is_string() ? minutes(std::string_view(one->as_string())) : std::nullopt;
        if (found)
            into = *found;
        else
            complain(fmt::format("time: {} is {}; \"HH:MM\" is allowed", name, inspect(*one)));
    };
    if (!parts)
        complain("time is " + inspect(given) + "; {\"from\": \"HH:MM\", \"to\": \"HH:MM\"} is allowed");
    read("from", made.from_minute);
    read("to", made.to_minute);
    auto const* const named = parts ? parts->if_contains("days") : nullptr;
    if (!named || named->is_null()) return {made};
    made.days = 0;
    if (!named->is_array()) complain("days is " + inspect(*named) + "; [\"mon\", ...] is allowed");
    for (auto const& one : named->is_array() ? named->as_array() : json::array()) {
        auto const name = core::lower_case(text(one, "days"));
        auto const at = std::find(day_names.begin(), day_names.end(), std::string_view(name).substr(0, 3));
        if (at == day_names.end())
            complain("no day: " + inspect(one) + "; mon tue wed thu fri sat sun are allowed");
        else
            made.days |= static_cast<std::uint8_t>(1u << (at - day_names.begin()));
    }
    return {made};
}

expression expression_reader::child_said(object const& given) {
    core::child_said made{text(given.at("child"), "child"), {}};
    auto const* const words = given.if_contains("said");
    if (!words || !words->is_array()) {
        complain("\"said\" is missing; an array of results like [\"reject\"] is allowed");
        return never();
    }
    for (auto const& one : words->as_array()) {
        auto const word = text(one, "said");
        if (std::find(milter_results.begin(), milter_results.end(), word) == milter_results.end())
            complain(fmt::format("no result of a milter: {}; the nearest known is {}", inspect(word),
                                 nearest(word, milter_results)));
        made.words.push_back(word);
    }
    return {std::move(made)};
}

expression expression_reader::asks_dns(json::value const& given) {
    core::dns_list list;
    auto const* const parts = given.if_object();
    auto const* const services = parts ? parts->if_contains("services") : nullptr;
    if (!services || !services->is_array()) {
        complain(
            "dnsbl: \"services\" is missing; an array of {\"domain\": ..., \"expected\": ...} is allowed");
        return never();
    }
    for (auto const& one : services->as_array()) {
        auto const* const service = one.if_object();
        auto const* const domain = service ? service->if_contains("domain") : nullptr;
        if (!domain) {
            complain("dnsbl: a service is " + inspect(one) + "; {\"domain\": ...} is allowed");
            continue;
        }
        core::dns_list::service made{text(*domain, "domain"), {}};
        auto const* const expected = service->if_contains("expected");
        if (expected && expected->is_string()) {
            auto parsed = core::network::parse(std::string_view(expected->as_string()));
            if (parsed)
                made.expected = *parsed;
            else
                complain("dnsbl: " + parsed.error());
        }
        list.services.push_back(std::move(made));
    }
    if (auto const* const servers = parts->if_contains("name_servers"); servers && servers->is_array()) {
        for (auto const& one : servers->as_array()) {
            if (auto const server = core::parse_server(text(one, "name_servers"), dns_port))
                list.name_servers.push_back(*server);
            else
                complain("dnsbl: name_servers: " + server.error());
        }
    }
    if (auto const* const limit = parts->if_contains("timeout")) {
        double const wanted_s = limit->is_number() ? limit->to_number<double>() : 0;
        if (wanted_s >= 0.001 && wanted_s <= longest_look_up_s)
            list.timeout = core::milliseconds(static_cast<std::int64_t>(wanted_s * 1000));
        else
            complain(fmt::format("dnsbl: \"timeout\" is {}; a number of seconds from 0.001 to {} is allowed",
                                 inspect(*limit), longest_look_up_s));
    }
    return {core::asks{add_question({std::move(list), where_})}};
}

std::uint32_t expression_reader::add_question(core::question_source source) {
    questions_.push_back(std::move(source));
    return static_cast<std::uint32_t>(questions_.size() - 1);
}

namespace {

using core::stage;

// The stage from which on a fact is known.
struct earliest {
    stage most(std::vector<expression> const& parts) const {
        stage last = stage::connect;
        for (auto const& part : parts)
            last = std::max(last, expression_reader::known_at(part));
        return last;
    }
    stage operator()(core::negation const& one) const { return most(one.of); }
    stage operator()(core::all_of const& one) const { return most(one.of); }
    stage operator()(core::any_of const& one) const { return most(one.of); }
    stage operator()(core::authenticated const&) const { return stage::mail; }
    stage operator()(core::text_is const& one) const {
        using of = core::text_is::of;
        if (one.what == of::host) return stage::connect;
        if (one.what == of::helo) return stage::helo;
        return one.what == of::recipient ? stage::rcpt : stage::mail;
    }
    stage operator()(core::recipients_are const&) const { return stage::data; }
    stage operator()(core::macro_is const& one) const {
        constexpr std::array<std::string_view, 7> of_connect{
            "j", "v", "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr"};
        bool const early = std::find(of_connect.begin(), of_connect.end(), one.name) != of_connect.end();
        return early ? stage::connect : stage::mail;
    }
    stage operator()(core::header_is const&) const { return stage::end_of_headers; }
    stage operator()(core::larger_than const&) const { return stage::end_of_message; }
    stage operator()(core::child_said const&) const { return stage::end_of_message; }
    stage operator()(auto const&) const { return stage::connect; }
};

} // namespace

std::vector<std::uint32_t> expression_reader::questions_of(expression const& what) {
    std::vector<std::uint32_t> found;
    auto const add = [&](std::vector<expression> const& parts) {
        for (auto const& one : parts) {
            auto const of_part = questions_of(one);
            found.insert(found.end(), of_part.begin(), of_part.end());
        }
    };
    if (auto const* const not_that = std::get_if<core::negation>(&what.what)) add(not_that->of);
    if (auto const* const all = std::get_if<core::all_of>(&what.what)) add(all->of);
    if (auto const* const some = std::get_if<core::any_of>(&what.what)) add(some->of);
    if (auto const* const asked = std::get_if<core::asks>(&what.what)) found.push_back(asked->question);
    return found;
}

core::stage expression_reader::known_at(expression const& what) {
    return std::visit(earliest{}, what.what);
}

} // namespace milter::config
