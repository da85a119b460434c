#include "oracle/mail_model.hpp"

#include <algorithm>
#include <cctype>

namespace milter::oracle {

namespace {

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

} // namespace

mail_model::mail_model(bool sendmail) : sendmail_(sendmail) {
    if (sendmail) list_.push_back({"Return-Path", " own", true});
    list_.push_back({"Received", " own", true});
}

void mail_model::receive(std::string_view name, std::string_view raw_value) {
    list_.push_back({std::string(name), std::string(raw_value)});
}

std::vector<std::pair<std::string, std::string>> mail_model::show() {
    std::vector<std::pair<std::string, std::string>> shown;
    for (auto& one : list_) {
        if (one.deleted) one.counted = false;
        if (!one.deleted && !one.own) shown.emplace_back(one.name, one.value);
    }
    return shown;
}

void mail_model::add(std::string_view name, std::string_view raw_value) {
    auto before = list_.end();
    if (sendmail_)
        before = std::find_if(list_.begin(), list_.end(),
                              [&](field const& one) { return same_name(one.name, name); });
    list_.insert(before, {std::string(name), std::string(raw_value)});
}

void mail_model::insert(std::uint32_t index, std::string_view name, std::string_view raw_value) {
    std::size_t place = index; // Postfix: before the element of that number
    if (sendmail_) place = std::size_t{index} + 1;
    place = std::min(place, list_.size());
    list_.insert(list_.begin() + static_cast<std::ptrdiff_t>(place),
                 {std::string(name), std::string(raw_value)});
}

void mail_model::change(std::uint32_t index, std::string_view name, std::string_view raw_value) {
    std::uint32_t left = std::max(index, std::uint32_t{1});
    for (auto one = list_.begin(); one != list_.end(); ++one) {
        if (one->own || !one->counted || !same_name(one->name, name) || --left > 0) continue;
        if (!raw_value.empty()) {
            if (!sendmail_) one->name = name; // Postfix writes the whole field anew
            one->value = raw_value;
            one->deleted = false;
        } else if (sendmail_) {
            one->deleted = true;
        } else {
            list_.erase(one);
        }
        return;
    }
    if (!raw_value.empty()) add(name, raw_value);
}

std::string mail_model::whole() const {
    std::string text;
    for (auto const& one : list_)
        if (!one.deleted) text += one.name + ":" + one.value + "\n";
    text += "\n" + body_ + "\n";
    for (auto const& one : others_)
        text += one + "\n";
    return text;
}

} // namespace milter::oracle
