#include "tools/test_server/message.hpp"

#include <algorithm>

#include <strings.h>

namespace milter::tools::test_server {

namespace {

class editor {
public:
    editor(message& what, bool leading_space) : what_(what), leading_space_(leading_space) {}

    void operator()(wire::add_header const& edit) const {
        what_.headers.push_back({std::string(edit.name), value(edit.value)});
    }
    void operator()(wire::insert_header const& edit) const {
        auto const place = std::min<std::size_t>(edit.index, what_.headers.size());
        what_.headers.insert(what_.headers.begin() + static_cast<std::ptrdiff_t>(place),
                             {std::string(edit.name), value(edit.value)});
    }
    // protocol 10.4: index 0 is 1; an empty value deletes; one that is not there is added.
    void operator()(wire::change_header const& edit) const {
        auto left = std::max<std::uint32_t>(edit.index, 1);
        auto const found = std::ranges::find_if(
            what_.headers, [&](header const& one) { return same_name(one.name, edit.name) && --left == 0; });
        if (found == what_.headers.end()) {
            if (!edit.value.empty()) (*this)(wire::add_header{edit.name, edit.value});
        } else if (edit.value.empty()) {
            what_.headers.erase(found);
        } else {
            *found = {std::string(edit.name), value(edit.value)};
        }
    }
    void operator()(wire::replace_body const& edit) const {
        if (!what_.new_body) what_.new_body.emplace();
        *what_.new_body += edit.bytes;
    }
    void operator()(wire::add_recipient const& edit) const { add(edit.address); }
    void operator()(wire::add_recipient_with_args const& edit) const { add(edit.address); }
    void operator()(wire::delete_recipient const& edit) const {
        auto const address = in_brackets(edit.address);
        std::erase_if(what_.recipients, [&](recipient const& one) {
            return one.is == recipient::fate::added && one.address == address;
        });
        for (auto& one : what_.recipients)
            if (one.address == address) one.is = recipient::fate::removed;
    }
    void operator()(wire::change_sender const& edit) const { what_.new_sender = in_brackets(edit.address); }
    void operator()(wire::quarantine const& edit) const { what_.quarantine_reason = edit.reason; }
    void operator()(auto const&) const {}

private:
    std::string value(std::string_view raw) const {
        if (leading_space_ && raw.starts_with(' ')) raw.remove_prefix(1);
        return std::string(raw);
    }
    void add(std::string_view address) const {
        what_.recipients.push_back({in_brackets(address), recipient::fate::added});
    }

    message& what_;
    bool leading_space_;
};

} // namespace

void message::apply(wire::reply const& edit, bool leading_space) {
    std::visit(editor(*this, leading_space), edit);
}

std::string message::final_body() const {
    if (new_body) return *new_body;
    std::string all;
    for (auto const& piece : body)
        all += piece;
    return all;
}

std::string in_brackets(std::string_view address) {
    if (address.size() >= 2 && address.front() == '<' && address.back() == '>') return std::string(address);
    return "<" + std::string(address) + ">";
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace milter::tools::test_server
