#include "config/rule.hpp"

#include "config/inspect.hpp"
#include "config/log_levels.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::config {

namespace {

namespace json = boost::json;
using judged = tl::expected<value, std::string>;

tl::unexpected<std::string> refused(rule const& by, json::value const& given) {
    return tl::unexpected(fmt::format("is {}; {} is allowed", inspect(given), allowed(by)));
}

// Text as it is, of any number of words; NUL cannot be passed on to the system.
std::optional<std::string> text_of(json::value const& given) {
    auto const* text = given.if_string();
    if (!text || text->find('\0') != json::string::npos) return std::nullopt;
    return std::string(*text);
}

// nullopt also for what an int64 cannot hold.
std::optional<double> number_of(json::value const& given) {
    if (auto const* integer = given.if_int64()) return static_cast<double>(*integer);
    if (auto const* integer = given.if_uint64()) return static_cast<double>(*integer);
    if (auto const* number = given.if_double()) return *number;
    return std::nullopt;
}

judged judge_integer(rule const& by, json::value const& given) {
    auto const number = number_of(given);
    if (!number) return refused(by, given);
    double const whole = std::trunc(*number);
    if (whole < static_cast<double>(by.least) || whole > static_cast<double>(by.most))
        return refused(by, given);
    return static_cast<std::int64_t>(whole);
}

judged judge_seconds(rule const& by, json::value const& given) {
    auto const number = number_of(given);
    if (!number || !(*number >= 0)) return refused(by, given);
    // Half a millisecond is not "none".
    double const ms = *number > 0 ? std::max(1.0, std::round(*number * 1000)) : 0;
    if (ms < static_cast<double>(by.least) || ms > static_cast<double>(by.most)) return refused(by, given);
    return milliseconds(static_cast<std::int64_t>(ms));
}

judged judge_boolean(json::value const& given) {
    auto const* flag = given.if_bool();
    return flag ? *flag : !given.is_null(); // as in Ruby
}

judged judge_strict_boolean(rule const& by, json::value const& given) {
    if (auto const* flag = given.if_bool()) return *flag;
    auto const text = text_of(given);
    if (text == "true") return true;
    if (text == "false") return false;
    return refused(by, given);
}

judged judge_word(rule const& by, json::value const& given) {
    auto word = text_of(given).value_or("");
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
    if (std::find(by.words.begin(), by.words.end(), word) == by.words.end()) return refused(by, given);
    return word;
}

judged judge_endpoint(rule const& by, json::value const& given) {
    auto const text = text_of(given);
    if (!text) return refused(by, given);
    auto where = wire::endpoint::parse(*text);
    if (!where) {
        return tl::unexpected(
            fmt::format("is {}: {}; {} is allowed", inspect(given), where.error(), allowed(by)));
    }
    return written_endpoint{*where, *text};
}

judged judge_levels(rule const& by, json::value const& given) {
    auto const text = text_of(given);
    if (!text) return refused(by, given);
    auto levels = normal_levels(*text);
    if (!levels) {
        return tl::unexpected(fmt::format("is {}: unknown level {}; {} is allowed", inspect(given),
                                          inspect(levels.error()), allowed(by)));
    }
    return *levels;
}

judged judge_scalar(rule const& by, json::value const& given) {
    if (auto const* integer = given.if_int64()) return *integer;
    if (auto text = text_of(given)) return *text;
    return refused(by, given);
}

// The names of one stage: a list of texts, or one text with blanks or commas between names.
std::optional<std::vector<std::string>> names_of(json::value const& given) {
    std::vector<std::string> names;
    if (auto const* list = given.if_array()) {
        for (auto const& one : *list) {
            auto name = text_of(one);
            if (!name || name->empty() || name->find_first_of(" ,\t\r\n") != std::string::npos)
                return std::nullopt;
            names.push_back(*name);
        }
        return names;
    }
    auto const text = text_of(given);
    if (!text) return std::nullopt;
    for (std::size_t begin = 0; (begin = text->find_first_not_of(" ,", begin)) != std::string::npos;) {
        auto const end = std::min(text->find_first_of(" ,", begin), text->size());
        names.push_back(text->substr(begin, end - begin));
        begin = end;
    }
    return names;
}

judged judge_macros(rule const& by, json::value const& given) {
    auto const* object = given.if_object();
    if (!object) return refused(by, given);
    macro_lists lists;
    for (auto const& [key, list] : *object) {
        auto const stage = stage_by_name(key);
        auto const names = names_of(list);
        if (!stage || !names) return refused(by, given);
        lists[*stage] = *names;
    }
    return lists;
}

judged judge_conditions(json::value const& given) {
    if (given.is_null()) return value(names());
    auto const wrong = [&] {
        return tl::unexpected(
            fmt::format("is {}; an array of names of conditions is allowed", inspect(given)));
    };
    if (!given.is_array()) return wrong();
    names all;
    for (auto const& one : given.as_array()) {
        auto const* const object = one.if_object();
        auto const* const name = object ? object->if_contains("name") : &one;
        if (!name || !name->is_string()) return wrong();
        all.emplace_back(name->as_string());
    }
    return value(std::move(all));
}

} // namespace

judged judge(rule const& by, json::value const& given) {
    if (given.is_null() && by.type != type::boolean) {
        if (by.nil == on_nil::refuse) return refused(by, given);
        return by.nil == on_nil::zero ? value(std::int64_t{0}) : value{};
    }
    switch (by.type) {
    case type::boolean:
        return judge_boolean(given);
    case type::strict_boolean:
        return judge_strict_boolean(by, given);
    case type::integer:
    case type::mode:
        return judge_integer(by, given);
    case type::time:
        return judge_seconds(by, given);
    case type::facility:
    case type::word:
        return judge_word(by, given);
    case type::endpoint:
        return judge_endpoint(by, given);
    case type::levels:
        return judge_levels(by, given);
    case type::scalar:
        return judge_scalar(by, given);
    case type::macros:
        return judge_macros(by, given);
    case type::conditions:
        return judge_conditions(given);
    case type::object:
        return given.is_object() ? judged(json::serialize(given)) : judged(refused(by, given));
    case type::text:
        break;
    }
    auto const text = text_of(given);
    return text ? judged(*text) : judged(refused(by, given));
}

std::string allowed(rule const& by) {
    std::string what;
    switch (by.type) {
    case type::text:
        what = "a text";
        break;
    case type::boolean:
        return "true or false";
    case type::strict_boolean:
        what = "true or false";
        break;
    case type::integer:
        what = fmt::format("an integer from {} to {}", by.least, by.most);
        break;
    case type::mode:
        what = "an integer from 0 to 0777";
        break;
    case type::time:
        what = fmt::format("a number of seconds from {} to {}", static_cast<double>(by.least) / 1000,
                           by.most / 1000);
        break;
    case type::word:
    case type::facility:
        for (auto const& word : by.words)
            what += (what.empty() ? "one of [" : ", ") + inspect(word);
        what += "]";
        break;
    case type::endpoint:
        what = "unix:PATH, inet:PORT, inet:PORT@HOST, inet:PORT@[ADDRESS] or inet6:...";
        break;
    case type::levels:
        what = "\"default\", \"all\", \"none\" or names joined by \"|\" of [";
        for (auto const& name : level_names())
            what += (name == level_names().front() ? "" : ", ") + inspect(name);
        what += "]";
        break;
    case type::scalar:
        what = "a text or an integer";
        break;
    case type::macros:
        what = "{STAGE => [NAME, ...]} with the stages connect, helo, mail, rcpt, data, end_of_headers, "
               "end_of_message";
        break;
    case type::conditions:
        what = "a list of names of conditions";
        break;
    case type::object:
        what = "a Hash";
        break;
    }
    return by.nil == on_nil::refuse ? what : what + ", or nil";
}

} // namespace milter::config
