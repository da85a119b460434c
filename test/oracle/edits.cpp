#include "oracle/edits.hpp"

#include "wire/reply.hpp"

#include <string_view>

namespace milter::oracle {

namespace {

std::uint32_t action_of(char code) { // protocol 2.3
    switch (code) {
    case 'h':
    case 'i':
        return 0x1;
    case 'b':
        return 0x2;
    case '+':
        return 0x4;
    case '-':
        return 0x8;
    case 'm':
        return 0x10;
    case 'q':
        return 0x20;
    case 'e':
        return 0x40;
    default:
        return 0x80;
    }
}

wire::reply read(packet const& one) {
    return *wire::decode_reply({one.code, one.payload});
}

struct applier {
    mail_model& to;
    bool raw;

    std::string value(std::string_view text) const { return (raw ? "" : " ") + std::string(text); }
    static std::string words(char code, std::string_view a, std::optional<std::string_view> b = {}) {
        return std::string(1, code) + " " + std::string(a) + (b ? " " + std::string(*b) : "");
    }

    void operator()(wire::add_header const& e) const { to.add(e.name, value(e.value)); }
    void operator()(wire::insert_header const& e) const { to.insert(e.index, e.name, value(e.value)); }
    void operator()(wire::change_header const& e) const {
        to.change(e.index, e.name, e.value.empty() ? "" : value(e.value));
    }
    void operator()(wire::add_recipient const& e) const { to.note(words('+', e.address)); }
    void operator()(wire::delete_recipient const& e) const { to.note(words('-', e.address)); }
    void operator()(wire::add_recipient_with_args const& e) const {
        to.note(words('2', e.address, e.arguments));
    }
    void operator()(wire::change_sender const& e) const { to.note(words('e', e.address, e.arguments)); }
    void operator()(wire::quarantine const& e) const { to.note(words('q', e.reason)); }
    template <class Other>
    void operator()(Other const&) const {}
};

// A filter must not be able to begin another field.
bool is_field(std::string_view name, std::string_view value) {
    auto const line_end = value.find('\n');
    bool const one_field =
        line_end == value.npos || (line_end + 1 < value.size() && value[line_end + 1] == ' ');
    return name.find_first_of(": ") == name.npos && one_field;
}

packet quarantine(std::string_view reason) { // chain P39
    auto const line = reason.substr(0, reason.find_first_of("\r\n"));
    return {'q', std::string(line.empty() ? "quarantined" : line) + '\0'};
}

} // namespace

void apply_edits(mail_model& to, std::vector<packet> const& edits, bool raw) {
    std::string body;
    bool replaced = false;
    for (auto const& one : edits) {
        if (one.code == 'b') {
            body += one.payload;
            replaced = true;
        }
        std::visit(applier{to, raw}, read(one));
    }
    if (replaced) to.replace_body(body);
}

std::optional<packet> permitted(packet const& edit, child_plan const& by, offer const& mta) {
    auto const said = read(edit);
    auto const* const two = std::get_if<wire::add_recipient_with_args>(&said);
    bool const claimed = (by.answers.actions & action_of(edit.code)) != 0;
    bool const offered = (mta.actions & action_of(edit.code)) != 0;
    if (two && claimed && !offered && (mta.actions & action_of('+')) != 0) // degrades (chain P40)
        return packet{'+', std::string(two->address) + '\0'};
    if (!claimed || !offered) return {};
    if (auto const* const h = std::get_if<wire::add_header>(&said))
        if (!is_field(h->name, h->value)) return {};
    if (auto const* const i = std::get_if<wire::insert_header>(&said))
        if (!is_field(i->name, i->value)) return {};
    if (auto const* const m = std::get_if<wire::change_header>(&said))
        if (!is_field(m->name, m->value)) return {};
    if (auto const* const q = std::get_if<wire::quarantine>(&said)) return quarantine(q->reason);
    return edit;
}

} // namespace milter::oracle
