// Words to packets.
#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace milter::wire {

namespace {

using problem = tl::unexpected<std::string>;

// "one|other|0x40000000": bits without a name are printed so.
template <class Flags, class Find>
tl::expected<Flags, std::string> flags_by_name(std::string_view text, Flags all, char const* kind,
                                               Find const& find) {
    if (text == "all") return all;
    Flags set;
    while (!text.empty()) {
        auto const name = text.substr(0, text.find('|'));
        text.remove_prefix(std::min(name.size() + 1, text.size()));
        std::uint32_t bits = 0;
        auto const end = name.data() + name.size();
        if (auto const one = find(name); one)
            set |= *one;
        else if (name.starts_with("0x") && std::from_chars(name.data() + 2, end, bits, 16).ptr == end)
            set |= Flags(bits);
        else
            return problem(std::string("no ") + kind + " is called " + std::string(name));
    }
    return set;
}

std::uint32_t number(std::string_view text) {
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

struct offer_words {
    std::uint32_t version = wire::newest_version;
    wire::actions actions;
    wire::steps steps;
    std::string lists;
};

// v6 actions=... steps=... macros2=i,{x}
tl::expected<offer_words, std::string> read_offer(std::string_view line) {
    offer_words offer;
    while (!line.empty()) {
        auto const word = take_word(line);
        if (word.starts_with('v')) {
            offer.version = number(word.substr(1));
        } else if (word.starts_with("actions=")) {
            auto set = actions_by_name(word.substr(8));
            if (!set) return problem(set.error());
            offer.actions = *set;
        } else if (word.starts_with("steps=")) {
            auto set = steps_by_name(word.substr(6));
            if (!set) return problem(set.error());
            offer.steps = *set;
        } else if (word.starts_with("macros")) {
            auto const equals = word.find('='); // names are separated by commas
            auto const names = word.substr(equals + 1);
            wire::append_macro_list(offer.lists, {number(word.substr(6, equals - 6)), names});
        } else {
            return problem("not a part of an offer: " + std::string(word));
        }
    }
    return offer;
}

struct field {
    std::string name;
    std::string value;
};

field read_field(std::string_view line) {
    auto const colon = std::min(line.find(':'), line.size());
    return {unquoted(line.substr(0, colon)), unquoted(line.substr(std::min(colon + 1, line.size())))};
}

std::string read_strings(std::string_view line) {
    std::string bytes;
    while (!line.empty())
        wire::append_string(bytes, unquoted(take_word(line)));
    return bytes;
}

// connect HOST [ADDRESS [PORT]], or as it is printed: connect HOST FAMILY [PORT ADDRESS]
void write_connect(std::string_view line, std::string& out) {
    auto const host = unquoted(take_word(line));
    if (line == "U" || (line.size() > 2 && line[1] == ' ' &&
                        std::string_view("L46").find(line[0]) != std::string_view::npos)) {
        auto const family = take_word(line).front();
        auto const port = static_cast<std::uint16_t>(number(take_word(line)));
        auto const address = unquoted(line);
        return wire::encode(out, wire::connect{host, family, port, address});
    }
    auto const address = unquoted(take_word(line));
    auto const port = line.empty() ? std::uint16_t{25000} : static_cast<std::uint16_t>(number(line));
    wire::encode(out, wire::connect{host, family_of(address), port, address});
}

void write_macros(std::string_view line, std::string& out) { // macros LETTER NAME=VALUE...
    auto const letter = take_word(line);
    std::string pairs;
    while (!line.empty()) {
        auto const pair = take_word(line);
        auto const equals = std::min(pair.find('='), pair.size());
        wire::append_string(pairs, unquoted(pair.substr(0, equals)));
        wire::append_string(pairs, unquoted(pair.substr(std::min(equals + 1, pair.size()))));
    }
    wire::encode(out, wire::macros{letter.empty() ? '\0' : letter.front(), wire::strings(pairs)});
}

// raw LETTER BYTES
tl::expected<void, std::string> write_raw(std::string_view line, std::string& out) {
    auto const whole = line;
    auto const letter = take_word(line);
    if (letter.size() != 1) return problem("raw takes one letter, then bytes: raw " + std::string(whole));
    wire::append_frame(out, letter.front(), unquoted(line));
    return {};
}

} // namespace

char family_of(std::string_view address) {
    if (address.empty()) return 'U';
    if (address.starts_with('/')) return 'L';
    return address.find(':') == address.npos ? '4' : '6';
}

std::string_view take_word(std::string_view& line) {
    auto const word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
}

std::string unquoted(std::string_view text) {
    std::string raw;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            raw += text[i];
            continue;
        }
        char const c = text[++i];
        if (c == 'n')
            raw += '\n';
        else if (c == 'r')
            raw += '\r';
        else if (c == 't')
            raw += '\t';
        else if (c == '0')
            raw += '\0';
        else if (c == 'x' && i + 2 < text.size() + 0) {
            unsigned value = 0;
            std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
            raw += static_cast<char>(value);
            i += 2;
        } else
            raw += c;
    }
    return raw;
}

tl::expected<wire::actions, std::string> actions_by_name(std::string_view text) {
    return flags_by_name(text, wire::all_actions, "action", wire::action_by_name);
}

tl::expected<wire::steps, std::string> steps_by_name(std::string_view text) {
    return flags_by_name(text, wire::all_steps, "step", wire::step_by_name);
}

tl::expected<void, std::string> write_command(std::string_view line, std::string& out) {
    auto const whole = line;
    auto const verb = take_word(line);
    if (verb == "offer") {
        auto const offer = read_offer(line);
        if (!offer) return problem(offer.error());
        wire::encode(out, wire::negotiate{offer->version, offer->actions, offer->steps});
    } else if (verb == "macros") {
        write_macros(line, out);
    } else if (verb == "connect") {
        write_connect(line, out);
    } else if (verb == "helo") {
        wire::encode(out, wire::helo{unquoted(line)});
    } else if (verb == "mail" || verb == "rcpt") {
        wire::append_frame(out, verb == "mail" ? 'M' : 'R', read_strings(line));
    } else if (verb == "header") {
        auto const one = read_field(line);
        wire::encode(out, wire::header{one.name, one.value});
    } else if (verb == "body") {
        wire::append_frame(out, 'B', unquoted(line));
    } else if (verb == "unknown") {
        wire::encode(out, wire::unknown{unquoted(line)});
    } else if (verb == "raw") {
        return write_raw(line, out);
    } else if (verb == "end-of-message") {
        wire::append_frame(out, 'E', unquoted(line));
    } else {
        constexpr std::array<std::pair<std::string_view, char>, 5> bare{{{"data", 'T'},
                                                                         {"end-of-headers", 'N'},
                                                                         {"abort", 'A'},
                                                                         {"quit", 'Q'},
                                                                         {"quit-new-connection", 'K'}}};
        for (auto const& [name, code] : bare)
            if (verb == name) return wire::append_frame(out, code, {}), tl::expected<void, std::string>();
        return problem("the MTA cannot say: " + std::string(whole));
    }
    return {};
}

tl::expected<void, std::string> write_reply(std::string_view line, std::string& out) {
    using wire::answer;
    auto const whole = line;
    auto const verb = take_word(line);
    constexpr std::array answers{answer::go_on,   answer::accept, answer::reject,   answer::temp_fail,
                                 answer::discard, answer::skip,   answer::shutdown, answer::conn_fail};
    for (auto const one : answers)
        if (verb == wire::answer_name(one))
            return wire::encode(out, wire::decision{one}), tl::expected<void, std::string>();
    if (verb == "agree") {
        auto const offer = read_offer(line);
        if (!offer) return problem(offer.error());
        wire::encode(out, wire::negotiated{offer->version, offer->actions, offer->steps, offer->lists});
    } else if (verb == "reply") {
        wire::encode(out, wire::reply_code{unquoted(line)});
    } else if (verb == "progress") {
        wire::encode(out, wire::progress{});
    } else if (verb == "add-header") {
        auto const one = read_field(line);
        wire::encode(out, wire::add_header{one.name, one.value});
    } else if (verb == "insert-header" || verb == "change-header") {
        auto const index = number(take_word(line));
        auto const one = read_field(line);
        if (verb == "insert-header")
            wire::encode(out, wire::insert_header{index, one.name, one.value});
        else
            wire::encode(out, wire::change_header{index, one.name, one.value});
    } else if (verb == "replace-body") {
        wire::encode(out, wire::replace_body{unquoted(line)});
    } else if (verb == "add-recipient") {
        wire::encode(out, wire::add_recipient{unquoted(line)});
    } else if (verb == "add-recipient-with-args") {
        wire::append_frame(out, wire::add_recipient_with_args::code, read_strings(line));
    } else if (verb == "delete-recipient") {
        wire::encode(out, wire::delete_recipient{unquoted(line)});
    } else if (verb == "change-sender") {
        wire::append_frame(out, wire::change_sender::code, read_strings(line));
    } else if (verb == "quarantine") {
        wire::encode(out, wire::quarantine{unquoted(line)});
    } else if (verb == "raw") {
        return write_raw(line, out);
    } else {
        return problem("a child cannot say: " + std::string(whole));
    }
    return {};
}

} // namespace milter::wire
