#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace milter::wire {

namespace {

using problem = tl::unexpected<std::string>;

constexpr std::size_t shown_whole = 80;

std::string hex(unsigned value, int digits) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%0*x", digits, value);
    return text.data();
}

std::uint32_t checksum(std::string_view bytes) { // FNV-1a
    std::uint32_t sum = 2166136261U;
    for (char const c : bytes)
        sum = (sum ^ static_cast<unsigned char>(c)) * 16777619U;
    return sum;
}

std::string header_words(std::string_view verb, std::string_view name, std::string_view value) {
    return std::string(verb) + " " + quoted(name) + ":" + quoted(value);
}

template <class Flags>
std::string flag_words(std::string_view key, Flags set, Flags all) {
    if (set.empty()) return "";
    return " " + std::string(key) + "=" + (set == all ? "all" : wire::names(set));
}

std::string commas(std::string_view names) {
    std::string text = quoted(names);
    std::replace(text.begin(), text.end(), ' ', ',');
    return text;
}

// by_number: unless it has a letter of its own.
void append_shown(std::string& text, char c, bool by_number) {
    if (c == '\n')
        text += "\\n";
    else if (c == '\r')
        text += "\\r";
    else if (c == '\t')
        text += "\\t";
    else if (c == '\\')
        text += "\\\\";
    else if (by_number)
        text += "\\x" + hex(static_cast<unsigned char>(c), 2);
    else
        text += c;
}

// A blank at an edge would be lost where lines are trimmed. also: what else stands for something there.
std::string escaped(std::string_view raw, std::string_view also) {
    std::string text;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char const c = raw[i];
        bool const at_edge = i == 0 || i + 1 == raw.size();
        append_shown(text, c,
                     (c >= 0 && c < ' ') || c == '\x7f' || (c == ' ' && at_edge) ||
                         also.find(c) != also.npos);
    }
    return text;
}

char family_of(std::string_view address);

struct command_words {
    bool whole = false; // else for people

    std::string text(std::string_view raw) const { return whole ? escaped(raw, "") : quoted(raw); }
    std::string word(std::string_view raw) const { return whole ? escaped(raw, " ") : quoted(raw); }
    // Of something that ends at a sign.
    std::string name(std::string_view raw) const { return whole ? escaped(raw, " :=") : quoted(raw); }

    std::string operator()(wire::negotiate const& c) const {
        return "offer v" + std::to_string(c.version) + flag_words("actions", c.actions, wire::all_actions) +
               flag_words("steps", c.steps, wire::all_steps);
    }
    std::string operator()(wire::macros c) const {
        std::string all = std::string("macros ") + c.for_command;
        while (auto const pair = c.next())
            all += " " + name(pair->first) + "=" + word(pair->second);
        return all;
    }
    std::string operator()(wire::connect const& c) const {
        auto const start = "connect " + word(c.host) + " ";
        if (c.family == 'U') return whole ? "connect " + word(c.host) : start + "U";
        auto const port = std::to_string(c.port);
        if (whole && c.address.size() > 1 && family_of(c.address) == c.family)
            return start + word(c.address) + " " + port;
        return start + c.family + " " + port + " " + word(c.address);
    }
    std::string operator()(wire::helo const& c) const { return "helo " + text(c.name); }
    std::string operator()(wire::mail const& c) const {
        return with_arguments("mail", c.address, c.arguments);
    }
    std::string operator()(wire::rcpt const& c) const {
        return with_arguments("rcpt", c.address, c.arguments);
    }
    std::string operator()(wire::data const&) const { return "data"; }
    std::string operator()(wire::header const& c) const {
        return "header " + name(c.name) + ":" + text(c.value);
    }
    std::string operator()(wire::end_of_headers const&) const { return "end-of-headers"; }
    std::string operator()(wire::body const& c) const { return "body " + text(c.bytes); }
    std::string operator()(wire::end_of_message const& c) const {
        return c.bytes.empty() ? "end-of-message" : "end-of-message " + text(c.bytes);
    }
    std::string operator()(wire::abort const&) const { return "abort"; }
    std::string operator()(wire::quit const&) const { return "quit"; }
    std::string operator()(wire::quit_new_connection const&) const { return "quit-new-connection"; }
    std::string operator()(wire::unknown const& c) const { return "unknown " + text(c.line); }

private:
    std::string with_arguments(std::string_view verb, std::string_view address, wire::strings more) const {
        std::string all = std::string(verb) + " " + word(address);
        while (auto const one = more.next())
            all += " " + word(*one);
        return all;
    }
};

struct reply_words {
    std::string operator()(wire::negotiated r) const {
        std::string text = "agree v" + std::to_string(r.version) +
                           flag_words("actions", r.actions, wire::all_actions) +
                           flag_words("steps", r.steps, wire::all_steps);
        while (auto const list = r.next())
            text += " macros" + std::to_string(list->stage) + "=" + commas(list->names);
        return text;
    }
    std::string operator()(wire::decision const& r) const { return std::string(wire::answer_name(r.what)); }
    std::string operator()(wire::reply_code const& r) const { return "reply " + quoted(r.text); }
    std::string operator()(wire::progress const&) const { return "progress"; }
    std::string operator()(wire::add_header const& r) const {
        return header_words("add-header", r.name, r.value);
    }
    std::string operator()(wire::insert_header const& r) const {
        return header_words("insert-header " + std::to_string(r.index), r.name, r.value);
    }
    std::string operator()(wire::change_header const& r) const {
        return header_words("change-header " + std::to_string(r.index), r.name, r.value);
    }
    std::string operator()(wire::replace_body const& r) const { return "replace-body " + quoted(r.bytes); }
    std::string operator()(wire::add_recipient const& r) const {
        return "add-recipient " + quoted(r.address);
    }
    std::string operator()(wire::add_recipient_with_args const& r) const {
        return "add-recipient-with-args " + quoted(r.address) +
               (r.arguments ? " " + quoted(*r.arguments) : "");
    }
    std::string operator()(wire::delete_recipient const& r) const {
        return "delete-recipient " + quoted(r.address);
    }
    std::string operator()(wire::change_sender const& r) const {
        return "change-sender " + quoted(r.address) + (r.arguments ? " " + quoted(*r.arguments) : "");
    }
    std::string operator()(wire::quarantine const& r) const { return "quarantine " + quoted(r.reason); }
};

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

char family_of(std::string_view address) {
    if (address.empty()) return 'U';
    if (address.starts_with('/')) return 'L';
    return address.find(':') == address.npos ? '4' : '6';
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

} // namespace

std::string_view take_word(std::string_view& line) {
    auto const word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
}

std::string quoted(std::string_view raw) {
    if (raw.size() > shown_whole)
        return "(" + std::to_string(raw.size()) + " bytes, " + hex(checksum(raw), 8) + ")";
    std::string text;
    for (char const c : raw) {
        append_shown(text, c, c < ' ' || c == '\x7f');
    }
    return text;
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

namespace {

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

} // namespace

tl::expected<wire::actions, std::string> actions_by_name(std::string_view text) {
    return flags_by_name(text, wire::all_actions, "action", wire::action_by_name);
}

tl::expected<wire::steps, std::string> steps_by_name(std::string_view text) {
    return flags_by_name(text, wire::all_steps, "step", wire::step_by_name);
}

std::string words_of_command(wire::frame const& packet) {
    auto const decoded = wire::decode_command(packet);
    return decoded ? std::visit(command_words{}, *decoded) : std::string("broken packet ") + packet.code;
}

std::string whole_words_of(wire::command const& what) {
    return std::visit(command_words{true}, what);
}

std::string words_of_reply(wire::frame const& packet) {
    auto const decoded = wire::decode_reply(packet);
    return decoded ? words_of(*decoded) : std::string("broken packet ") + packet.code;
}

std::string words_of(wire::reply const& what) {
    return std::visit(reply_words{}, what);
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
    } else if (verb == "raw") { // raw LETTER BYTES
        auto const letter = take_word(line);
        if (letter.size() != 1) return problem("raw takes one letter, then bytes: " + std::string(whole));
        wire::append_frame(out, letter.front(), unquoted(line));
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
        auto const letter = take_word(line);
        if (letter.size() != 1) return problem("raw takes one letter, then bytes: " + std::string(whole));
        wire::append_frame(out, letter.front(), unquoted(line));
    } else {
        return problem("a child cannot say: " + std::string(whole));
    }
    return {};
}

} // namespace milter::wire
