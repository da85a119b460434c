#include "tools/test_client/script.hpp"

#include "tools/arguments.hpp"
#include "tools/test_client/stages.hpp"
#include "tools/utf8.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace milter::tools::test_client {

namespace {

using done = tl::expected<void, std::string>;
using wire::unquoted;

template <class... Parts>
tl::unexpected<std::string> problem(fmt::format_string<Parts...> text, Parts&&... parts) {
    return tl::unexpected(fmt::format(text, std::forward<Parts>(parts)...));
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

std::string_view take_word(std::string_view& line) {
    auto const word = line.substr(0, line.find_first_of(" \t"));
    line = trimmed(line.substr(word.size()));
    return word;
}

// What a complaint can show on a terminal.
bool is_text(std::string_view line) {
    return std::none_of(line.begin(), line.end(), [](unsigned char one) {
        return (one < ' ' && one != '\t' && one != '\r') || one == 0x7F;
    });
}

std::optional<std::uint32_t> number_of(std::string_view text) {
    std::uint32_t value = 0;
    auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "a|b", "all" or "none".
template <class Set, class Find>
tl::expected<Set, std::string> set_of(std::string_view text, Set all, Find find) {
    if (text == "all") return all;
    Set set;
    for (std::size_t begin = 0; begin <= text.size() && text != "none";) {
        auto const end = std::min(text.find('|', begin), text.size());
        auto const one = find(text.substr(begin, end - begin));
        if (!one) return problem("no flag has this name: <{}>", text.substr(begin, end - begin));
        set |= *one;
        begin = end + 1;
    }
    return set;
}

// agree actions=a|b steps=c|d
done read_agreement(std::string_view line, script& into) {
    while (!line.empty()) {
        auto const word = take_word(line);
        if (word.starts_with("actions=")) {
            auto const set = set_of(word.substr(8), wire::all_actions, wire::action_by_name);
            if (!set) return tl::unexpected(set.error());
            into.actions = *set;
        } else if (word.starts_with("steps=")) {
            auto const set = set_of(word.substr(6), wire::all_steps, wire::step_by_name);
            if (!set) return tl::unexpected(set.error());
            into.steps = *set;
        } else {
            return problem("not a part of an agreement: <{}>", word);
        }
    }
    return {};
}

// macros STAGE NAME...
done read_macros(std::string_view line, script& into) {
    auto const name = take_word(line);
    auto const stage = macro_stage_by_name(name);
    if (!stage) return problem("no stage with a list of macros has this name: <{}>", name);
    into.macros.emplace_back(*stage, std::string(line));
    return {};
}

using maker = change (*)(std::string_view line);

template <bool (filter::edits::*Edit)(std::string_view)>
change with_text(std::string_view line) {
    return [text = unquoted(line)](filter::edits& all) { return (all.*Edit)(text); };
}

template <bool (filter::edits::*Edit)(std::string_view, std::optional<std::string_view>)>
change with_address(std::string_view line) {
    auto address = unquoted(take_word(line));
    return [address = std::move(address), more = unquoted(line)](filter::edits& all) {
        return (all.*Edit)(address, more.empty() ? std::nullopt : std::optional<std::string_view>(more));
    };
}

struct field {
    std::string name, value;
};
// NAME:VALUE, NAME: VALUE
std::optional<field> field_of(std::string_view line) {
    auto const colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    return field{unquoted(line.substr(0, colon)), unquoted(trimmed(line.substr(colon + 1)))};
}

change add_header(std::string_view line) {
    auto const one = field_of(line);
    if (!one) return {};
    return [one](filter::edits& all) { return all.add_header(one->name, one->value); };
}

template <bool (filter::edits::*Edit)(std::uint32_t, std::string_view, std::string_view)>
change with_index(std::string_view line) {
    auto const index = number_of(take_word(line));
    auto const one = field_of(line);
    if (!index || !one) return {};
    return [index, one](filter::edits& all) { return (all.*Edit)(*index, one->name, one->value); };
}

change delete_header(std::string_view line) {
    auto const index = number_of(take_word(line));
    if (!index || line.empty()) return {};
    return [index, name = unquoted(line)](filter::edits& all) { return all.delete_header(*index, name); };
}

struct named_change {
    std::string_view word;
    maker make;
};
constexpr std::array changes = std::to_array<named_change>({
    {"add-header", add_header},
    {"insert-header", with_index<&filter::edits::insert_header>},
    {"change-header", with_index<&filter::edits::change_header>},
    {"delete-header", delete_header},
    {"replace-body", with_text<&filter::edits::replace_body>},
    {"add-recipient", with_address<&filter::edits::add_recipient>},
    {"delete-recipient", with_text<&filter::edits::delete_recipient>},
    {"change-sender", with_address<&filter::edits::change_sender>},
    {"quarantine", with_text<&filter::edits::quarantine>},
});

// The answer of a word; nothing when it is none.
tl::expected<std::optional<filter::body_answer>, std::string> answer_of(std::string_view word,
                                                                        std::string_view line, char step) {
    std::optional<filter::body_answer> answer;
    if (word == "continue") answer = filter::go_on{};
    if (word == "accept") answer = filter::accept{};
    if (word == "reject") answer = filter::reject{};
    if (word == "temporary-failure") answer = filter::temp_fail{};
    if (word == "discard") answer = filter::discard{};
    if (word == "skip") answer = filter::skip{};
    if (word == "reply") {
        auto const text = wire::smtp_reply::parse(unquoted(line));
        if (!text) return problem("{}: <{}>", wire::describe(text.error()), line);
        answer = *text;
    }
    if (!answer) return answer;
    bool const impossible = (step == wire::negotiate::code) || (word == "discard" && !has_discard(step)) ||
                            (word == "accept" && !has_accept(step)) ||
                            (word == "skip" && step != wire::body::code);
    if (impossible) return problem("{} is not possible at this stage", word);
    return answer;
}

tl::expected<deed, std::string> read_deed(std::string_view line, char step) {
    auto const word = take_word(line);
    auto const answer = answer_of(word, line, step);
    if (!answer) return tl::unexpected(answer.error());
    if (*answer) return **answer;
    if (word == "hang") return hang{};
    if (word == "close") return hang_up{};
    if (word == "garbage") return raw_bytes{std::string("\0\0\0\1Z", 5)};
    if (word == "bytes") return raw_bytes{unquoted(line)};
    if (word == "raw") { // raw LETTER PAYLOAD
        auto const letter = take_word(line);
        if (letter.size() != 1) return problem("raw wants a letter: <{}>", letter);
        std::string packet;
        wire::append_frame(packet, letter.front(), unquoted(line));
        return raw_bytes{packet};
    }
    if (word == "progress" && step != wire::negotiate::code) return progress{};
    if (word == "delay") try {
            return wait_for{std::max(seconds_of(std::string(line), "delay"), std::chrono::milliseconds(0))};
        } catch (bad_argument const& wrong) {
            return tl::unexpected(std::string(wrong.what()));
        }
    for (auto const& one : changes) {
        if (one.word != word) continue;
        if (step != wire::end_of_message::code) return problem("{} is possible at end-of-message only", word);
        auto made = one.make(line);
        if (!made) return problem("{} cannot be read: <{}>", word, line);
        return made;
    }
    return problem("there is no such word: <{}>", word);
}

// at STAGE [TEXT]
done read_rule(std::string_view line, script& into) {
    auto const name = take_word(line);
    auto const stage = stage_by_name(name);
    if (!stage) return problem("no stage has this name: <{}>", name);
    into.rules.push_back({*stage, unquoted(line), {}});
    return {};
}

done read_line(std::string_view line, bool indented, script& into) {
    if (indented) {
        if (into.rules.empty())
            return problem("an indented line belongs to an \"at\" line, and there is none");
        auto& rule = into.rules.back();
        auto read = read_deed(line, rule.step);
        if (!read) return tl::unexpected(read.error());
        rule.deeds.push_back(std::move(*read));
        return {};
    }
    auto const word = take_word(line);
    if (word == "at") return read_rule(line, into);
    if (word == "agree") return read_agreement(line, into);
    if (word == "macros") return read_macros(line, into);
    return problem("a line begins with at, agree or macros, or is indented: <{}>", word);
}

} // namespace

script_rule const* script::rule_for(char step, std::string_view text) const {
    for (auto const& one : rules)
        if (one.step == step && text.find(one.pattern) != std::string_view::npos) return &one;
    return nullptr;
}

std::optional<wire::macro_stage> macro_stage_by_name(std::string_view name) {
    auto const stage = stage_by_name(name);
    // By number (protocol 2.5).
    auto const at = stage ? std::string_view("CHMRTEN").find(*stage) : std::string_view::npos;
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<wire::macro_stage>(at);
}

tl::expected<script, std::string> read_script(std::string_view text, std::string const& name) {
    script all;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        auto const end = std::min(text.find('\n', begin), text.size());
        auto const whole = text.substr(begin, end - begin);
        auto const line = trimmed(whole);
        begin = end + 1;
        ++number;
        if (line.empty() || line.front() == '#') continue;
        if (!is_text(line)) return problem("{}:{}: this is no text", name, number);
        bool const indented = whole.front() == ' ' || whole.front() == '\t';
        if (auto const read = read_line(line, indented, all); !read)
            return problem("{}:{}: {}", name, number, as_utf8(read.error()));
    }
    return all;
}

} // namespace milter::tools::test_client
