#include "proxy/recording/masks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace milter::proxy {

namespace {

// Of these macros it is known that they say nothing about people.
constexpr std::array harmless = std::to_array<std::string_view>(
    {"auth_ssf",    "auth_type",      "b",           "cipher",      "cipher_bits", "client_connections",
     "client_port", "client_resolve", "daemon_addr", "daemon_name", "daemon_port", "i",
     "if_addr",     "if_name",        "j",           "mail_mailer", "nbadrcpts",   "nrcpts",
     "opMode",      "rcpt_mailer",    "tls_version", "v",           "verify"});

// Where words end.
constexpr std::string_view separators = " \t\r\n<>()[]{},;:\"'=\\|";

std::string_view without_braces(std::string_view name) {
    return name.size() > 2 && name.front() == '{' && name.back() == '}' ? name.substr(1, name.size() - 2)
                                                                        : name;
}

bool is_address_of(int family, std::string const& text) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(family, text.c_str(), bytes.data()) == 1;
}

std::string crossed_out(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return std::string_view("\r\n\t ").find(c) == std::string_view::npos; }, 'x');
    return out;
}

} // namespace

wire::command session_masks::operator()(wire::command const& what) {
    held_.clear();
    return std::visit([this](auto const& one) { return of(one); }, what);
}

std::size_t session_masks::number_of(std::string_view what) {
    std::string small(what);
    std::ranges::transform(small, small.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return numbers_.emplace(std::move(small), numbers_.size() + 1).first->second;
}

std::string session_masks::network_address(std::string_view address) {
    auto const number = number_of(address);
    if (address.find(':') != address.npos) return fmt::format("2001:db8::{:x}", number);
    return fmt::format("198.18.{}.{}", number / 256 % 256, number % 256); // RFC 2544
}

std::string session_masks::mail_address(std::string_view address) {
    auto const at = address.rfind('@');
    return fmt::format("user{}@host{}.example", number_of(address), number_of(address.substr(at + 1)));
}

std::string session_masks::one_word(std::string_view word) {
    if (word.empty()) return {};
    if (word.find('@') != word.npos) return mail_address(word);
    if (is_address_of(AF_INET, std::string(word))) return network_address(word);
    auto const number = number_of(word);
    return word.find('.') == word.npos ? fmt::format("word{}", number)
                                       : fmt::format("host{}.example", number);
}

// all: every word; else only addresses of mail.
std::string session_masks::words(std::string_view text, bool all) {
    if (all && text.find(':') != text.npos && is_address_of(AF_INET6, std::string(text)))
        return network_address(text);
    std::string out;
    while (!text.empty()) {
        auto const end = std::min(text.find_first_of(separators), text.size());
        auto const word = text.substr(0, end);
        out += all || word.find('@') != word.npos ? one_word(word) : std::string(word);
        text.remove_prefix(end);
        if (text.empty()) break;
        out += text.front();
        text.remove_prefix(1);
    }
    return out;
}

// What follows a parameter's name is left out, but for sizes and the like.
wire::strings session_masks::arguments(wire::strings all) {
    std::string out;
    while (auto const one = all.next()) {
        auto const equals = std::min(one->find('='), one->size());
        auto const name = one->substr(0, equals);
        bool const harmless_one = name == "SIZE" || name == "BODY" || name == "RET" || name == "NOTIFY";
        wire::append_string(out, harmless_one || equals == one->size() ? std::string(*one)
                                                                       : std::string(name) + "=masked");
    }
    return wire::strings(hold(std::move(out)));
}

wire::command session_masks::of(wire::macros what) {
    if (!which_.addresses) return what;
    std::string out;
    auto const letter = what.for_command;
    while (auto const pair = what.next()) {
        bool const as_it_is = std::ranges::find(harmless, without_braces(pair->first)) != harmless.end();
        wire::append_string(out, pair->first);
        wire::append_string(out, as_it_is ? std::string(pair->second) : words(pair->second, true));
    }
    return wire::macros{letter, wire::strings(hold(std::move(out)))};
}

wire::command session_masks::of(wire::connect what) {
    if (!which_.addresses) return what;
    what.host = hold(words(what.host, true));
    constexpr std::string_view prefix = "IPv6:";
    if (what.family == 'L')
        what.address = "/masked";
    else if (what.address.starts_with(prefix))
        what.address = hold(std::string(prefix) + network_address(what.address.substr(prefix.size())));
    else if (what.family != 'U')
        what.address = hold(network_address(what.address));
    return what;
}

wire::command session_masks::of(wire::helo what) {
    if (which_.addresses) what.name = hold(words(what.name, true));
    return what;
}

wire::command session_masks::of(wire::mail what) {
    if (!which_.addresses) return what;
    return wire::mail{hold(words(what.address, true)), arguments(what.arguments)};
}

wire::command session_masks::of(wire::rcpt what) {
    if (!which_.addresses) return what;
    return wire::rcpt{hold(words(what.address, true)), arguments(what.arguments)};
}

wire::command session_masks::of(wire::header what) {
    if (which_.bodies)
        what.value = hold(crossed_out(what.value));
    else if (which_.addresses)
        what.value = hold(words(what.value, false));
    return what;
}

wire::command session_masks::of(wire::body what) {
    if (which_.bodies) what.bytes = hold(crossed_out(what.bytes));
    return what;
}

wire::command session_masks::of(wire::end_of_message what) {
    if (which_.bodies) what.bytes = hold(crossed_out(what.bytes));
    return what;
}

wire::command session_masks::of(wire::unknown what) {
    if (which_.any()) what.line = hold(std::string(what.line.substr(0, what.line.find(' '))) + " masked");
    return what;
}

} // namespace milter::proxy
