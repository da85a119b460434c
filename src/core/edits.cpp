#include "core/edits.hpp"

#include <algorithm>

namespace milter::core {

namespace {

using wire::action;
using kind = edit::kind;

tl::unexpected<std::string> refuse(std::string_view why) {
    return tl::unexpected(std::string(why));
}

// RFC 5322 2.2: printable US-ASCII except the colon.
bool is_field_name(std::string_view name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f' && c != ':'; });
}

// A line end inside a value must be followed by a blank: anything else would begin a field of its own.
bool is_field_value(std::string_view value) {
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\0') return false;
        if (value[i] != '\n') continue;
        if (i + 1 == value.size() || (value[i + 1] != ' ' && value[i + 1] != '\t')) return false;
    }
    return true;
}

bool is_one_line(std::string_view text) {
    return text.find_first_of(std::string_view("\0\r\n", 3)) == text.npos;
}

struct checker {
    child_agreement const& by;
    mta_agreement const& mta;

    // Why the child may not do it; empty when it may.
    std::string_view forbidden(action needed) const {
        if (!by.actions.has(needed)) return "it was not agreed with this child";
        if (!mta.actions.has(needed)) return "the MTA does not offer it";
        return {};
    }

    std::string raw_value(std::string_view value) const {
        bool const has_blank = by.steps.has(wire::step::leading_space);
        return (has_blank || value.empty() ? "" : " ") + std::string(value);
    }

    tl::expected<edit, std::string> header(kind what, action needed, std::uint32_t index,
                                           std::string_view name, std::string_view value) const {
        if (auto const why = forbidden(needed); !why.empty()) return refuse(why);
        if (!is_field_name(name)) return refuse("not a header name");
        if (!is_field_value(value)) return refuse("the value would begin another header");
        std::string raw = raw_value(value);
        // Only a change deletes with an empty value; elsewhere it is a field without text.
        if (what != kind::change_header && raw.empty() && !by.steps.has(wire::step::leading_space)) raw = " ";
        return edit{what, index, std::string(name), std::move(raw), false};
    }

    tl::expected<edit, std::string> address(kind what, action needed, std::string_view text,
                                            std::optional<std::string_view> arguments) const {
        if (auto const why = forbidden(needed); !why.empty()) return refuse(why);
        return permitted_address(what, text, arguments);
    }

    tl::expected<edit, std::string> permitted_address(kind what, std::string_view text,
                                                      std::optional<std::string_view> arguments) const {
        if (!is_one_line(text) || (arguments && !is_one_line(*arguments))) return refuse("not an address");
        return edit{what, 0, std::string(text), std::string(arguments.value_or("")), arguments.has_value()};
    }

    using result = tl::expected<edit, std::string>;
    result operator()(wire::add_header const& e) const {
        return header(kind::add_header, action::add_headers, 0, e.name, e.value);
    }
    result operator()(wire::insert_header const& e) const {
        return header(kind::insert_header, action::add_headers, e.index, e.name, e.value);
    }
    result operator()(wire::change_header const& e) const {
        return header(kind::change_header, action::change_headers, e.index, e.name, e.value);
    }
    result operator()(wire::add_recipient const& e) const {
        return address(kind::add_recipient, action::add_recipient, e.address, {});
    }
    result operator()(wire::add_recipient_with_args const& e) const {
        // Claimed, but only the plain one is offered (chain P40).
        if (by.masked.has(action::add_recipient_with_args) && mta.actions.has(action::add_recipient))
            return permitted_address(kind::add_recipient, e.address, {});
        return address(kind::add_recipient_with_args, action::add_recipient_with_args, e.address,
                       e.arguments);
    }
    result operator()(wire::delete_recipient const& e) const {
        return address(kind::delete_recipient, action::delete_recipient, e.address, {});
    }
    result operator()(wire::change_sender const& e) const {
        return address(kind::change_sender, action::change_sender, e.address, e.arguments);
    }
    result operator()(wire::quarantine const& e) const {
        if (auto const why = forbidden(action::quarantine); !why.empty()) return refuse(why);
        auto const line = e.reason.substr(0, e.reason.find_first_of(std::string_view("\0\r\n", 3)));
        return edit{kind::quarantine, 0, std::string(line.empty() ? "quarantined" : line), "", false};
    }
    template <class Other>
    result operator()(Other const&) const {
        return refuse("not a change of the message");
    }
};

} // namespace

bool is_edit(wire::reply const& said) {
    return !std::holds_alternative<wire::negotiated>(said) && !std::holds_alternative<wire::decision>(said) &&
           !std::holds_alternative<wire::reply_code>(said) && !std::holds_alternative<wire::progress>(said) &&
           !std::holds_alternative<wire::replace_body>(said);
}

tl::expected<edit, std::string> check(wire::reply const& said, child_agreement const& by,
                                      mta_agreement const& mta) {
    return std::visit(checker{by, mta}, said);
}

void encode(std::string& out, edit const& what, bool leading_space) {
    std::string_view value = what.value;
    if (!leading_space && value.starts_with(' ')) value.remove_prefix(1);
    auto const arguments =
        what.has_arguments ? std::optional<std::string_view>(what.value) : std::optional<std::string_view>();
    switch (what.what) {
    case kind::add_header:
        return wire::encode(out, wire::add_header{what.name, value});
    case kind::insert_header:
        return wire::encode(out, wire::insert_header{what.index, what.name, value});
    case kind::change_header:
        return wire::encode(out, wire::change_header{what.index, what.name, value});
    case kind::add_recipient:
        return wire::encode(out, wire::add_recipient{what.name});
    case kind::add_recipient_with_args:
        return wire::encode(out, wire::add_recipient_with_args{what.name, arguments});
    case kind::delete_recipient:
        return wire::encode(out, wire::delete_recipient{what.name});
    case kind::change_sender:
        return wire::encode(out, wire::change_sender{what.name, arguments});
    case kind::quarantine:
        return wire::encode(out, wire::quarantine{what.name});
    }
}

} // namespace milter::core
