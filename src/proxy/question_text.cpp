#include "proxy/question_text.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <oniguruma.h>

namespace milter::proxy {

namespace {

namespace json = boost::json;

bool is_utf8(std::string_view text) {
    auto const* const begin = reinterpret_cast<OnigUChar const*>(text.data());
    return onigenc_is_valid_mbc_string(ONIG_ENCODING_UTF8, begin, begin + text.size()) != 0;
}

// Each byte as the code point of that number.
json::value bytes_or_text(std::string_view raw) {
    if (is_utf8(raw)) return json::value(json::string(raw));
    std::string spread;
    for (char const c : raw) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x80)
            spread += c;
        else
            spread += {static_cast<char>(0xC0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3F))};
    }
    return json::object{{"bytes", spread}};
}

// Nothing when it is neither a text nor bytes.
std::optional<std::string> text_of(json::value const& given) {
    if (given.is_string()) return std::string(given.as_string());
    auto const* const object = given.if_object();
    auto const* const spread = object ? object->if_contains("bytes") : nullptr;
    if (!spread || !spread->is_string()) return {};
    std::string raw;
    std::string_view const from = spread->as_string();
    for (std::size_t i = 0; i < from.size(); ++i) {
        auto const byte = static_cast<unsigned char>(from[i]);
        if (byte < 0x80) {
            raw += from[i];
            continue;
        }
        if (byte > 0xC3 || i + 1 == from.size()) return {};
        raw += static_cast<char>((byte & 0x03) << 6 | (static_cast<unsigned char>(from[++i]) & 0x3F));
    }
    return raw;
}

template <class Pairs>
json::object object_of(Pairs const& pairs) {
    json::object made;
    for (auto const& [name, value] : pairs)
        made[name] = bytes_or_text(value);
    return made;
}

std::string_view family_name(char family) {
    switch (family) {
    case '4':
        return "inet";
    case '6':
        return "inet6";
    case 'L':
        return "unix";
    default:
        return "unknown";
    }
}

json::object client_of(core::client const& who) {
    json::object made{{"host", bytes_or_text(who.host)}, {"family", family_name(who.family)}};
    if (who.family == 'L') {
        made["path"] = bytes_or_text(who.address);
    } else {
        std::string_view address = who.address;
        if (address.starts_with("IPv6:")) address.remove_prefix(5);
        made["address"] = bytes_or_text(address);
        made["port"] = who.port;
    }
    return made;
}

// The words of configuration-json.md.
std::string_view word_of(core::stage at) {
    switch (at) {
    case core::stage::connect:
        return "connect";
    case core::stage::helo:
        return "helo";
    case core::stage::mail:
        return "mail";
    case core::stage::rcpt:
        return "rcpt";
    case core::stage::data:
        return "data";
    case core::stage::header:
        return "header";
    case core::stage::end_of_headers:
        return "end_of_headers";
    case core::stage::body:
        return "body";
    case core::stage::end_of_message:
        return "end_of_message";
    default:
        return "";
    }
}

std::uint32_t block_of(core::policy const& rules, std::uint32_t question) {
    return std::get<core::ruby_block>(rules.questions.at(question).of).id;
}

core::truth truth_of(std::string_view word) {
    if (word == "yes") return core::truth::yes;
    return word == "no" ? core::truth::no : core::truth::failed;
}

tl::expected<json::object, std::string> object_in(std::string_view payload) {
    json::error_code failed;
    auto const value = json::parse(payload, failed);
    if (failed) return tl::unexpected("is no JSON: " + failed.message());
    if (!value.is_object()) return tl::unexpected(std::string("is no JSON object"));
    return value.as_object();
}

std::string text_at(json::object const& in, std::string_view key) {
    auto const* const found = in.if_contains(key);
    return found ? text_of(*found).value_or("") : "";
}

} // namespace

std::string question_text(core::question const& what, core::policy const& rules, at_hand const& more,
                          std::size_t first) {
    json::array items;
    for (std::size_t i = first; i < what.items.size(); ++i) {
        auto const& one = what.items[i];
        items.push_back(json::object{{"block", block_of(rules, one.question)},
                                     {"child", bytes_or_text(rules.children.at(one.child).name)},
                                     {"macros", object_of(one.own_macros)}});
    }
    json::array children;
    for (auto const& one : what.children)
        children.push_back(
            json::object{{"name", bytes_or_text(one.name)}, {"said", one.said}, {"quitted", one.quitted}});
    json::object made{{"at", word_of(what.at)},
                      {"items", std::move(items)},
                      {"client", client_of(what.client)},
                      {"helo", bytes_or_text(what.helo)},
                      {"sender", bytes_or_text(what.sender)},
                      {"recipient", bytes_or_text(what.recipient)},
                      {"header_name", bytes_or_text(what.header_name)},
                      {"header_value", bytes_or_text(what.header_value)},
                      {"chunk", bytes_or_text(more.chunk)},
                      {"sessions", what.sessions},
                      {"macros", object_of(what.macros)},
                      {"children", std::move(children)},
                      {"earlier_answered", what.earlier_answered},
                      {"shelf", object_of(more.shelf)}};
    if (more.server) made["server"] = client_of(*more.server);
    return json::serialize(made);
}

std::vector<std::string> change(shelf& what, shelf_changes const& by) {
    std::size_t size = 0;
    for (auto const& [key, value] : what)
        size += key.size() + value.size();
    std::vector<std::string> refused;
    for (auto const& [key, value] : by) {
        if (auto const old = what.find(key); old != what.end()) {
            size -= key.size() + old->second.size();
            what.erase(old);
        }
        if (!value) continue;
        if (size + key.size() + value->size() > most_on_shelf) {
            refused.push_back(key);
            continue;
        }
        size += key.size() + value->size();
        what.emplace(key, *value);
    }
    return refused;
}

tl::expected<item_answer, std::string> parse_answer(std::string_view payload) {
    auto const said = object_in(payload);
    if (!said) return tl::unexpected(said.error());
    item_answer read;
    read.says = truth_of(text_at(*said, "says"));
    read.error = text_at(*said, "error");
    if (auto const* const wants = said->if_contains("wants_results"); wants && wants->is_bool())
        read.wants_results = wants->as_bool();
    if (auto const* const macros = said->if_contains("macros"); macros && macros->is_object())
        for (auto const& [name, value] : macros->as_object())
            if (auto const text = text_of(value)) read.macros.emplace_back(name, *text);
    if (auto const* const changes = said->if_contains("shelf"); changes && changes->is_object())
        for (auto const& [key, value] : changes->as_object())
            read.shelf.emplace(key, text_of(value));
    return read;
}

tl::expected<worker_note, std::string> parse_note(std::string_view payload) {
    auto const said = object_in(payload);
    if (!said) return tl::unexpected(said.error());
    return worker_note{text_at(*said, "level"), text_at(*said, "text")};
}

} // namespace milter::proxy
