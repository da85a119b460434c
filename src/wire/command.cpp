#include "wire/command.hpp"

#include "wire/bytes.hpp"

namespace milter::wire {

std::optional<std::string_view> strings::next() {
    if (bytes_.empty()) return std::nullopt;
    if (auto one = take_string(bytes_)) return one;
    return std::exchange(bytes_, {});
}

void append_string(std::string& bytes, std::string_view one) {
    bytes.append(one.substr(0, one.find('\0')));
    bytes.push_back('\0');
}

std::optional<std::pair<std::string_view, std::string_view>> macros::next() {
    auto name = pairs.next();
    if (!name) return std::nullopt;
    auto value = pairs.next();
    if (!value) return std::nullopt;
    return std::pair(*name, *value);
}

namespace {

using decoded_command = tl::expected<command, error>;

bool ends_in_nul(std::string_view bytes) {
    return !bytes.empty() && bytes.back() == '\0';
}

// Each takes what it understands off the front of `rest`; what it leaves there is surplus.

decoded_command decode_negotiate(std::string_view& rest) {
    if (rest.size() < 12) return tl::unexpected(error::payload_too_short);
    negotiate result;
    result.version = *take_u32(rest);
    result.actions = actions(*take_u32(rest));
    result.steps = steps(*take_u32(rest));
    return result;
}

decoded_command decode_macros(std::string_view& rest) {
    if (rest.empty()) return tl::unexpected(error::payload_too_short);
    macros result;
    result.for_command = rest.front();
    rest.remove_prefix(1);
    auto const all = rest;
    if (all.empty()) return result;
    if (!ends_in_nul(all)) return tl::unexpected(error::missing_nul);
    // A last name without a value is left in `rest` (protocol 5.1: drop it).
    std::size_t whole = 0;
    for (auto ahead = rest; take_string(ahead) && take_string(ahead);)
        whole = all.size() - ahead.size();
    rest.remove_prefix(whole);
    result.pairs = strings(all.substr(0, whole));
    return result;
}

// protocol 4.1
decoded_command decode_connect(std::string_view& rest) {
    connect result;
    auto const host = take_string(rest);
    if (!host) return tl::unexpected(error::missing_nul);
    result.host = *host;
    if (rest.empty()) return tl::unexpected(error::payload_too_short);
    result.family = rest.front();
    rest.remove_prefix(1);
    if (std::string_view("UL46").find(result.family) == std::string_view::npos)
        return tl::unexpected(error::bad_family);
    if (result.family == 'U') return result;
    auto const port = take_u16(rest);
    if (!port) return tl::unexpected(error::payload_too_short);
    result.port = *port;
    if (!ends_in_nul(rest)) return tl::unexpected(error::missing_nul);
    result.address = *take_string(rest);
    return result;
}

template <class Message>
decoded_command decode_string(std::string_view& rest) {
    if (!ends_in_nul(rest)) return tl::unexpected(error::missing_nul);
    return Message{*take_string(rest)};
}

template <class Message>
decoded_command decode_envelope(std::string_view& rest) {
    if (!ends_in_nul(rest)) return tl::unexpected(error::missing_nul);
    auto const address = *take_string(rest);
    return Message{address, strings(std::exchange(rest, {}))};
}

decoded_command decode_header(std::string_view& rest) {
    auto const name = take_string(rest);
    if (!name) return tl::unexpected(error::missing_nul);
    auto const value = take_string(rest);
    if (!value) return tl::unexpected(error::missing_nul);
    return header{*name, *value};
}

// A libmilter hangs up at an empty one (protocol 4.7).
decoded_command decode_body(std::string_view& rest) {
    if (rest.empty()) return tl::unexpected(error::payload_too_short);
    return body{std::exchange(rest, {})};
}

decoded_command decode(char code, std::string_view& rest) {
    switch (code) {
    case negotiate::code:
        return decode_negotiate(rest);
    case macros::code:
        return decode_macros(rest);
    case connect::code:
        return decode_connect(rest);
    case helo::code:
        return decode_string<helo>(rest);
    case mail::code:
        return decode_envelope<mail>(rest);
    case rcpt::code:
        return decode_envelope<rcpt>(rest);
    case data::code:
        return data{};
    case header::code:
        return decode_header(rest);
    case end_of_headers::code:
        return end_of_headers{};
    case body::code:
        return decode_body(rest);
    case end_of_message::code:
        return end_of_message{std::exchange(rest, {})};
    case abort::code:
        return wire::abort{};
    case quit::code:
        return quit{};
    case quit_new_connection::code:
        return quit_new_connection{};
    case unknown::code:
        return decode_string<unknown>(rest);
    default:
        return tl::unexpected(error::unknown_code);
    }
}

void write(std::string& out, negotiate const& what) {
    frame_writer(out, what.code).u32(what.version).u32(what.actions.bits()).u32(what.steps.bits());
}

void write(std::string& out, macros const& what) {
    frame_writer(out, what.code).byte(what.for_command).raw(what.pairs.bytes());
}

void write(std::string& out, connect const& what) {
    frame_writer packet(out, what.code);
    packet.string(what.host).byte(what.family);
    if (what.family != 'U') packet.u16(what.port).string(what.address);
}

void write(std::string& out, helo const& what) {
    frame_writer(out, what.code).string(what.name);
}

void write(std::string& out, mail const& what) {
    frame_writer(out, what.code).string(what.address).raw(what.arguments.bytes());
}

void write(std::string& out, rcpt const& what) {
    frame_writer(out, what.code).string(what.address).raw(what.arguments.bytes());
}

void write(std::string& out, header const& what) {
    frame_writer(out, what.code).string(what.name).string(what.value);
}

void write(std::string& out, body const& what) {
    if (!what.bytes.empty()) append_frame(out, what.code, what.bytes);
}

void write(std::string& out, unknown const& what) {
    frame_writer(out, what.code).string(what.line);
}

// The commands that are nothing but a letter; end_of_message too (protocol 4.8: never with data).
template <class Bare>
void write(std::string& out, Bare const& what) {
    append_frame(out, what.code, {});
}

} // namespace

tl::expected<command, error> decode_command(frame const& packet) {
    auto rest = packet.payload;
    return decode(packet.code, rest);
}

std::optional<error> oddity(frame const& packet) {
    auto rest = packet.payload;
    if (!decode(packet.code, rest) || rest.empty()) return std::nullopt;
    return packet.code == macros::code ? error::odd_macro : error::unexpected_data;
}

void encode(std::string& out, command const& what) {
    std::visit([&out](auto const& one) { write(out, one); }, what);
}

std::string_view command_name(char code) {
    switch (code) {
    case negotiate::code:
        return "negotiate";
    case macros::code:
        return "define-macro";
    case connect::code:
        return "connect";
    case helo::code:
        return "helo";
    case mail::code:
        return "envelope-from";
    case rcpt::code:
        return "envelope-recipient";
    case data::code:
        return "data";
    case header::code:
        return "header";
    case end_of_headers::code:
        return "end-of-header";
    case body::code:
        return "body";
    case end_of_message::code:
        return "end-of-message";
    case abort::code:
        return "abort";
    case quit::code:
        return "quit";
    case quit_new_connection::code:
        return "quit-new-connection";
    case unknown::code:
        return "unknown";
    default:
        return "unknown-letter";
    }
}

} // namespace milter::wire
