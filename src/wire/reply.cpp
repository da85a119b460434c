#include "wire/reply.hpp"

#include "wire/bytes.hpp"

namespace milter::wire {

std::optional<macro_list> negotiated::next() {
    auto const stage = take_u32(macro_lists);
    auto const list = stage ? take_string(macro_lists) : std::nullopt;
    if (!list) {
        macro_lists = {};
        return std::nullopt;
    }
    return macro_list{*stage, *list};
}

void append_macro_list(std::string& bytes, macro_list const& one) {
    append_u32(bytes, one.stage);
    append_string(bytes, one.names);
}

namespace {

using decoded_reply = tl::expected<reply, error>;

decoded_reply decode_negotiated(std::string_view rest) {
    if (rest.size() < 12) return tl::unexpected(error::payload_too_short);
    negotiated result;
    result.version = *take_u32(rest);
    result.actions = actions(*take_u32(rest));
    result.steps = steps(*take_u32(rest));
    result.macro_lists = rest;
    while (!rest.empty()) {
        if (!take_u32(rest)) return tl::unexpected(error::payload_too_short);
        if (!take_string(rest)) return tl::unexpected(error::missing_nul);
    }
    return result;
}

// The text may break every rule: its first digit still says what the filter wants (protocol 9).
decoded_reply decode_reply_code(std::string_view rest) {
    if (!rest.empty() && rest.back() == '\0') rest.remove_suffix(1);
    return reply_code{rest};
}

template <class Message>
decoded_reply decode_string(std::string_view rest) {
    auto const one = take_string(rest);
    if (!one) return tl::unexpected(error::missing_nul);
    if (!rest.empty()) return tl::unexpected(error::unexpected_data);
    return Message{*one};
}

template <class Message>
decoded_reply decode_address(std::string_view rest) {
    auto const address = take_string(rest);
    if (!address) return tl::unexpected(error::missing_nul);
    if (rest.empty()) return Message{*address, std::nullopt};
    auto const arguments = take_string(rest);
    if (!arguments) return tl::unexpected(error::missing_nul);
    if (!rest.empty()) return tl::unexpected(error::unexpected_data);
    return Message{*address, *arguments};
}

template <class Message, class... First>
decoded_reply decode_field(std::string_view rest, First... first) {
    auto const name = take_string(rest);
    if (!name) return tl::unexpected(error::missing_nul);
    auto const value = take_string(rest);
    if (!value) return tl::unexpected(error::missing_nul);
    if (!rest.empty()) return tl::unexpected(error::unexpected_data);
    return Message{first..., *name, *value};
}

template <class Message>
decoded_reply decode_indexed_field(std::string_view rest) {
    auto const index = take_u32(rest);
    if (!index) return tl::unexpected(error::payload_too_short);
    return decode_field<Message>(rest, *index);
}

void write(std::string& out, negotiated const& what) {
    frame_writer(out, what.code)
        .u32(what.version)
        .u32(what.actions.bits())
        .u32(what.steps.bits())
        .raw(what.macro_lists);
}

void write(std::string& out, decision const& what) {
    append_frame(out, static_cast<char>(what.what), {});
}

void write(std::string& out, reply_code const& what) {
    frame_writer(out, what.code).raw(what.text).byte('\0');
}

void write(std::string& out, progress const& what) {
    append_frame(out, what.code, {});
}

void write(std::string& out, add_header const& what) {
    frame_writer(out, what.code).string(what.name).string(what.value);
}

void write(std::string& out, insert_header const& what) {
    frame_writer(out, what.code).u32(what.index).string(what.name).string(what.value);
}

void write(std::string& out, change_header const& what) {
    frame_writer(out, what.code).u32(what.index).string(what.name).string(what.value);
}

void write(std::string& out, replace_body const& what) {
    append_frame(out, what.code, what.bytes);
}

void write(std::string& out, add_recipient const& what) {
    frame_writer(out, what.code).string(what.address);
}

void write(std::string& out, delete_recipient const& what) {
    frame_writer(out, what.code).string(what.address);
}

template <class Address>
void write_address(std::string& out, Address const& what) {
    frame_writer packet(out, what.code);
    packet.string(what.address);
    if (what.arguments) packet.string(*what.arguments);
}

void write(std::string& out, add_recipient_with_args const& what) {
    write_address(out, what);
}

void write(std::string& out, change_sender const& what) {
    write_address(out, what);
}

void write(std::string& out, quarantine const& what) {
    frame_writer(out, what.code).string(what.reason);
}

} // namespace

tl::expected<reply, error> decode_reply(frame const& packet) {
    auto const payload = packet.payload;
    switch (packet.code) {
    case negotiated::code:
        return decode_negotiated(payload);
    case static_cast<char>(answer::go_on):
    case static_cast<char>(answer::accept):
    case static_cast<char>(answer::reject):
    case static_cast<char>(answer::temp_fail):
    case static_cast<char>(answer::discard):
    case static_cast<char>(answer::skip):
    case static_cast<char>(answer::shutdown):
    case static_cast<char>(answer::conn_fail):
        return decision{static_cast<answer>(packet.code)};
    case reply_code::code:
        return decode_reply_code(payload);
    case progress::code:
        return progress{};
    case add_header::code:
        return decode_field<add_header>(payload);
    case insert_header::code:
        return decode_indexed_field<insert_header>(payload);
    case change_header::code:
        return decode_indexed_field<change_header>(payload);
    case replace_body::code:
        return replace_body{payload};
    case add_recipient::code:
        return decode_string<add_recipient>(payload);
    case add_recipient_with_args::code:
        return decode_address<add_recipient_with_args>(payload);
    case delete_recipient::code:
        return decode_string<delete_recipient>(payload);
    case change_sender::code:
        return decode_address<change_sender>(payload);
    case quarantine::code:
        return decode_string<quarantine>(payload);
    default:
        return tl::unexpected(error::unknown_code);
    }
}

void encode(std::string& out, reply const& what) {
    std::visit([&out](auto const& one) { write(out, one); }, what);
}

std::string_view answer_name(answer what) {
    switch (what) {
    case answer::go_on:
        return "continue";
    case answer::accept:
        return "accept";
    case answer::reject:
        return "reject";
    case answer::temp_fail:
        return "temporary-failure";
    case answer::discard:
        return "discard";
    case answer::skip:
        return "skip";
    case answer::shutdown:
        return "shutdown";
    case answer::conn_fail:
        return "connection-failure";
    }
    return "unknown-letter";
}

std::string_view reply_name(char code) {
    switch (code) {
    case negotiated::code:
        return "negotiate";
    case reply_code::code:
        return "reply-code";
    case progress::code:
        return "progress";
    case add_header::code:
        return "add-header";
    case insert_header::code:
        return "insert-header";
    case change_header::code:
        return "change-header";
    case replace_body::code:
        return "replace-body";
    case add_recipient::code:
        return "add-recipient";
    case add_recipient_with_args::code:
        return "add-recipient-with-parameters";
    case delete_recipient::code:
        return "delete-recipient";
    case change_sender::code:
        return "change-from";
    case quarantine::code:
        return "quarantine";
    default:
        return answer_name(static_cast<answer>(code));
    }
}

} // namespace milter::wire
