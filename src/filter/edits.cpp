#include "filter/edits.hpp"

#include "wire/reply.hpp"

#include <algorithm>

namespace milter::filter {

namespace {

using wire::action;

constexpr std::size_t largest_piece = 65535; // of a body, in a packet (protocol 1)

bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

bool is_header_name(std::string_view name) {
    return !name.empty() &&
           std::ranges::all_of(name, [](char one) { return one > ' ' && one < 0x7F && one != ':'; });
}

bool is_header_value(std::string_view value) {
    return !has_nul(value);
}

bool is_line(std::string_view text) {
    return !has_nul(text) && text.find_first_of("\r\n") == std::string_view::npos;
}

} // namespace

edits::edits(agreement const& agreed, std::string& out, std::function<void()> const& flush)
    : agreed_(agreed), out_(out), flush_(flush) {}

bool edits::add_header(std::string_view name, std::string_view value) {
    if (!may(action::add_headers) || !is_header_name(name) || !is_header_value(value)) return false;
    wire::encode(out_, wire::add_header{name, value});
    return true;
}

bool edits::insert_header(std::uint32_t index, std::string_view name, std::string_view value) {
    if (!may(action::add_headers) || !is_header_name(name) || !is_header_value(value)) return false;
    wire::encode(out_, wire::insert_header{index, name, value});
    return true;
}

bool edits::change_header(std::uint32_t index, std::string_view name, std::string_view value) {
    if (!may(action::change_headers) || !is_header_name(name) || !is_header_value(value)) return false;
    wire::encode(out_, wire::change_header{index, name, value});
    return true;
}

bool edits::delete_header(std::uint32_t index, std::string_view name) {
    return change_header(index, name, {});
}

bool edits::replace_body(std::string_view bytes) {
    if (!may(action::change_body)) return false;
    do {
        wire::encode(body_, wire::replace_body{bytes.substr(0, largest_piece)});
        bytes.remove_prefix(std::min(bytes.size(), largest_piece));
    } while (!bytes.empty());
    return true;
}

bool edits::add_recipient(std::string_view address, std::optional<std::string_view> arguments) {
    if (!is_line(address) || address.empty() || !is_line(arguments.value_or(""))) return false;
    if (!arguments && may(action::add_recipient))
        wire::encode(out_, wire::add_recipient{address});
    else if (may(action::add_recipient_with_args))
        wire::encode(out_, wire::add_recipient_with_args{address, arguments});
    else
        return false;
    return true;
}

bool edits::delete_recipient(std::string_view address) {
    if (!may(action::delete_recipient) || !is_line(address) || address.empty()) return false;
    wire::encode(out_, wire::delete_recipient{address});
    return true;
}

bool edits::change_sender(std::string_view address, std::optional<std::string_view> arguments) {
    if (!may(action::change_sender) || !is_line(address) || !is_line(arguments.value_or(""))) return false;
    wire::encode(out_, wire::change_sender{address, arguments});
    return true;
}

bool edits::quarantine(std::string_view reason) {
    if (!may(action::quarantine) || reason.empty() || !is_line(reason)) return false;
    wire::encode(out_, wire::quarantine{reason});
    return true;
}

void edits::progress() {
    wire::encode(out_, wire::progress{});
    flush_();
}

void edits::finish() {
    out_ += body_;
    body_.clear();
}

} // namespace milter::filter
