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
    fields_.push_back({std::string(name), std::string(value)});
    held_ += name.size() + value.size();
}

void header_list::put(position before, edit const& what) {
    held_ += what.name.size() + what.value.size();
    fields_.insert(before, {what.name, what.value});
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

edit header_list::change(edit const& wanted) {
    std::uint32_t const nth = std::max(wanted.index, std::uint32_t{1});
    std::uint32_t seen = 0;  // fields of that name as this child numbers them
    std::uint32_t known = 0; // the same as the MTA numbers them
    field* target = nullptr;
    for (auto& one : fields_) {
        if (one.hidden || !same_name(one.name, wanted.name)) continue;
        if (one.alive || sendmail_) ++known;
        if (one.alive || (sendmail_ && one.died_now)) ++seen;
        if (seen == nth && (one.alive || one.died_now)) {
            target = &one;
            break;
        }
    }
    edit told = wanted;
    if (!target) {
        if (wanted.index > 1 || known > 0) told.index = std::max(known + 1, wanted.index);
        if (!wanted.deletes_header()) add_as_mta_would(wanted);
        return told;
    }
    if (known != nth) told.index = known;
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
        return change(change_wanted);
    default:
        return change_wanted;
    }
}

void header_list::next_child() {
    for (auto& one : fields_)
        one.died_now = false;
}

} // namespace milter::core
