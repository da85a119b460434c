#include "core/headers.hpp"

#include <algorithm>

namespace milter::core {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

header_list::header_list(mta_kind profile) : sendmail_(profile == mta_kind::sendmail) {
    if (sendmail_) fields_.push_back({"Return-Path", "", true});
    fields_.push_back({"Received", "", true});
}

void header_list::add(std::string_view name, std::string_view value) {
    fields_.push_back({.name = std::string(name), .value = std::string(value), .id = next_id_++});
    held_ += name.size() + value.size();
}

void header_list::put(position before, edit const& what) {
    held_ += what.name.size() + what.value.size();
    fields_.insert(before, {.name = what.name, .value = what.value, .id = next_id_++});
}

void header_list::add_as_mta_would(edit const& change) {
    auto before = fields_.end();
    if (sendmail_)
        before = std::find_if(fields_.begin(), fields_.end(),
                              [&](field const& one) { return same_name(one.name, change.name); });
    put(before, change);
}

void header_list::insert(edit const& change) {
    auto before = fields_.begin();
    if (sendmail_) { // after the n-th of all
        if (change.index >= fields_.size())
            before = fields_.end();
        else
            before += static_cast<std::ptrdiff_t>(change.index) + 1;
    } else { // before the n-th of those that are there
        std::uint32_t n = 0;
        while (before != fields_.end() && (!before->alive || n < change.index)) {
            if (before->alive) ++n;
            ++before;
        }
    }
    put(before, change);
}

// As a child numbers them that was shown this list.
header_list::field* header_list::meant_by(edit const& wanted) {
    std::uint32_t const nth = std::max(wanted.index, std::uint32_t{1});
    std::uint32_t seen = 0;
    for (auto& one : fields_) {
        if (one.hidden || !same_name(one.name, wanted.name)) continue;
        if (one.alive || (sendmail_ && one.died_now)) ++seen;
        if (seen == nth && (one.alive || one.died_now)) return &one;
    }
    return nullptr;
}

header_list::field* header_list::with_id(std::uint32_t id) {
    auto const found =
        std::find_if(fields_.begin(), fields_.end(), [&](field const& one) { return one.id == id; });
    return found == fields_.end() ? nullptr : &*found;
}

// As the MTA numbers them; without a target, how many of that name it knows.
std::uint32_t header_list::number_of(std::string_view name, field const* target) const {
    std::uint32_t known = 0;
    for (auto const& one : fields_) {
        if (one.hidden || !same_name(one.name, name)) continue;
        if (one.alive || sendmail_) ++known;
        if (&one == target) break;
    }
    return known;
}

// target: nothing when there is no such field.
edit header_list::change(edit const& wanted, field* target) {
    auto const known = number_of(wanted.name, target);
    edit told = wanted;
    if (!target) {
        if (wanted.index > 1 || known > 0) told.index = std::max(known + 1, wanted.index);
        if (!wanted.deletes_header()) add_as_mta_would(wanted);
        return told;
    }
    if (known != std::max(wanted.index, std::uint32_t{1})) told.index = known;
    if (wanted.deletes_header()) {
        target->died_now = target->died_now || target->alive;
        target->alive = false;
    } else {
        target->alive = true;
        target->died_now = false;
        if (!sendmail_) target->name = wanted.name; // Postfix writes the whole field anew
        target->value = wanted.value;
        held_ += wanted.value.size();
    }
    return told;
}

edit header_list::apply(edit const& change_wanted) {
    switch (change_wanted.what) {
    case edit::kind::add_header:
        add_as_mta_would(change_wanted);
        return change_wanted;
    case edit::kind::insert_header:
        insert(change_wanted);
        return change_wanted;
    case edit::kind::change_header:
        return change(change_wanted, meant_by(change_wanted));
    default:
        return change_wanted;
    }
}

std::optional<edit> header_list::apply(edit const& wanted, header_list& shown) {
    shown.next_id_ = next_id_; // a new field is the same one in both
    if (wanted.what != edit::kind::change_header) {
        shown.apply(wanted);
        return apply(wanted);
    }
    auto* const meant = shown.meant_by(wanted);
    shown.change(wanted, meant);
    auto* const target = meant ? with_id(meant->id) : nullptr;
    bool const gone = target && !target->alive && !target->died_now; // another child has deleted it
    if (!gone) return change(wanted, target);
    if (wanted.deletes_header()) return std::nullopt;
    meant->id = next_id_; // from now on this child means the new field
    return change(wanted, nullptr);
}

void header_list::next_child() {
    for (auto& one : fields_)
        one.died_now = false;
}

} // namespace milter::core
