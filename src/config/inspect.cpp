#include "config/inspect.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::config {

namespace {

constexpr std::size_t readable_length = 200;

constexpr std::array macro_stages{
    std::pair{std::string_view("connect"), wire::macro_stage::connect},
    std::pair{std::string_view("helo"), wire::macro_stage::helo},
    std::pair{std::string_view("mail"), wire::macro_stage::mail},
    std::pair{std::string_view("rcpt"), wire::macro_stage::rcpt},
    std::pair{std::string_view("data"), wire::macro_stage::data},
    std::pair{std::string_view("end_of_headers"), wire::macro_stage::end_of_headers},
    std::pair{std::string_view("end_of_message"), wire::macro_stage::end_of_message},
    std::pair{std::string_view("envelope_from"), wire::macro_stage::mail},
    std::pair{std::string_view("envelope_recipient"), wire::macro_stage::rcpt},
    std::pair{std::string_view("end_of_header"), wire::macro_stage::end_of_headers},
};

std::string escaped_control(unsigned char c) {
    switch (c) {
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    case '\r':
        return "\\r";
    case '\a':
        return "\\a";
    case '\b':
        return "\\b";
    case '\v':
        return "\\v";
    case '\f':
        return "\\f";
    case 0x1b:
        return "\\e";
    default:
        return fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    }
}

std::string inspect_seconds(milliseconds time) {
    std::string text = fmt::format("{}.{:03}", time.count() / 1000, time.count() % 1000);
    while (text.ends_with('0') && !text.ends_with(".0"))
        text.pop_back();
    return text;
}

std::string inspect_names(names const& list) {
    std::string text;
    for (auto const& name : list)
        text += (text.empty() ? "" : ", ") + inspect(name);
    return "[" + text + "]";
}

std::string inspect_macros(macro_lists const& lists) {
    std::string text;
    for (auto const& [stage, names] : lists) {
        text +=
            fmt::format("{}\"{}\"=>{}", text.empty() ? "" : ", ", stage_name(stage), inspect_names(names));
    }
    return "{" + text + "}";
}

} // namespace

std::string inspect(std::string_view text) {
    std::string quoted = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = static_cast<unsigned char>(text[i]);
        bool const starts_code = c == '#' && i + 1 < text.size() &&
                                 std::string_view("{$@").find(text[i + 1]) != std::string_view::npos;
        if (c == '"' || c == '\\' || starts_code) quoted += '\\';
        if (c < 0x20 || c == 0x7f) {
            quoted += escaped_control(c);
        } else {
            quoted += text[i];
        }
    }
    return quoted + '"';
}

std::string inspect(value const& what) {
    struct {
        std::string operator()(std::monostate) const { return "nil"; }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t integer) const { return std::to_string(integer); }
        std::string operator()(milliseconds time) const { return inspect_seconds(time); }
        std::string operator()(std::string const& text) const { return inspect(text); }
        std::string operator()(written_endpoint const& where) const { return inspect(where.written); }
        std::string operator()(macro_lists const& lists) const { return inspect_macros(lists); }
        std::string operator()(names const& list) const { return inspect_names(list); }
    } as_ruby;
    return std::visit(as_ruby, what);
}

std::string inspect(boost::json::value const& given) {
    if (given.is_null()) return "nil";
    std::string text;
    if (auto const* string = given.if_string()) {
        text = inspect(std::string_view(*string));
    } else if (auto const* number = given.if_double()) {
        text = fmt::format("{}", *number);
    } else if (auto const* object = given.if_object();
               object && object->size() == 1 && object->contains("ruby") && object->at("ruby").is_string()) {
        text = std::string(
            object->at("ruby").as_string()); // what Ruby printed of a value that JSON does not have
    } else {
        text = boost::json::serialize(given);
    }
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    if (text.size() <= readable_length) return text;
    std::size_t cut = readable_length;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
        --cut; // not inside a character
    return text.substr(0, cut) + "...";
}

std::string_view stage_name(wire::macro_stage stage) {
    return std::find_if(macro_stages.begin(), macro_stages.end(),
                        [&](auto const& one) { return one.second == stage; })
        ->first;
}

std::span<std::string_view const> macro_stage_words() {
    static auto const words = [] {
        std::array<std::string_view, macro_stages.size()> all;
        std::transform(macro_stages.begin(), macro_stages.end(), all.begin(),
                       [](auto const& one) { return one.first; });
        return all;
    }();
    return words;
}

std::optional<wire::macro_stage> stage_by_name(std::string_view name) {
    std::string plain(name);
    std::replace(plain.begin(), plain.end(), '-', '_');
    auto const found = std::find_if(macro_stages.begin(), macro_stages.end(),
                                    [&](auto const& one) { return one.first == plain; });
    return found == macro_stages.end() ? std::nullopt : std::optional(found->second);
}

} // namespace milter::config
