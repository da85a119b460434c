// How Postfix and Sendmail apply header edits, as protocol 10.2 to 10.4 tells it and chain IV.5 condenses it:
// the second implementation that core/headers is checked against. Must not use core/headers.
#pragma once

#include "core/edits.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

namespace milter::core::test {

inline std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

using header_view = std::vector<std::pair<std::string, std::string>>; // name in lower case, raw value

class mta_model {
public:
    struct field {
        std::string name; // in lower case
        std::string value;
        bool own = false;     // the MTA's; no filter is shown it
        bool deleted = false; // Sendmail keeps those
        bool counted = true;  // by `m`, even if deleted
    };

    explicit mta_model(bool sendmail) : sendmail_(sendmail) {
        if (sendmail) list_.push_back({"return-path", " own", true});
        list_.push_back({"received", " own", true});
    }
    void receive(std::string const& name, std::string const& value) {
        list_.push_back({lower_case(name), value});
    }
    // The headers are sent to a filter: only now does Sendmail stop to count deleted ones.
    header_view send() {
        header_view shown;
        for (auto& one : list_) {
            if (one.deleted) one.counted = false;
            if (!one.deleted && !one.own) shown.emplace_back(one.name, one.value);
        }
        return shown;
    }
    // What is delivered, the MTA's own included.
    header_view message() const {
        header_view all;
        for (auto const& one : list_)
            if (!one.deleted) all.emplace_back(one.name, one.value);
        return all;
    }
    void apply(edit const& what) {
        if (what.what == edit::kind::add_header) add(what);
        if (what.what == edit::kind::insert_header) insert(what);
        if (what.what == edit::kind::change_header) change(what);
    }

private:
    void add(edit const& what) {
        auto before = list_.end();
        if (sendmail_)
            before = std::find_if(list_.begin(), list_.end(),
                                  [&](field const& one) { return one.name == lower_case(what.name); });
        list_.insert(before, {lower_case(what.name), what.value});
    }
    void insert(edit const& what) {
        std::size_t place = what.index; // Postfix: before the element of that number
        if (sendmail_) place = std::size_t{what.index} + 1;
        place = std::min(place, list_.size());
        list_.insert(list_.begin() + static_cast<std::ptrdiff_t>(place), {lower_case(what.name), what.value});
    }
    void change(edit const& what) {
        std::uint32_t left = what.index == 0 ? 1 : what.index;
        for (auto one = list_.begin(); one != list_.end(); ++one) {
            if (one->own || !one->counted || one->name != lower_case(what.name) || --left > 0) continue;
            if (!what.value.empty()) {
                one->value = what.value;
                one->deleted = false;
            } else if (sendmail_) {
                one->deleted = true;
            } else {
                list_.erase(one);
            }
            return;
        }
        if (!what.value.empty()) add(what);
    }

    bool sendmail_;
    std::vector<field> list_;
};

} // namespace milter::core::test
