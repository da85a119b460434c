// Packets to words.
#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace milter::wire {

namespace {

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

} // namespace

std::string quoted(std::string_view raw) {
    if (raw.size() > shown_whole)
        return "(" + std::to_string(raw.size()) + " bytes, " + hex(checksum(raw), 8) + ")";
    std::string text;
    for (char const c : raw) {
        append_shown(text, c, c < ' ' || c == '\x7f');
    }
    return text;
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

} // namespace milter::wire
