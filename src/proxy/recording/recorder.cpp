#include "proxy/recording/recorder.hpp"

#include "wire/asking.hpp"
#include "wire/leading_space.hpp"
#include "wire/reply.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace milter::proxy {

namespace {

bool is_answer(wire::reply const& what) {
    return std::holds_alternative<wire::decision>(what) || std::holds_alternative<wire::reply_code>(what) ||
           std::holds_alternative<wire::negotiated>(what);
}

// Of a masked session only the kind of a change is known: `add-header NAME:*`, `reply 550*`.
std::string pattern_of(std::string words) {
    auto const has_value = words.find_first_of(" :");
    if (has_value == words.npos) return words;
    auto end = words.find(':');
    if (words.starts_with("reply "))
        end = std::string_view("reply 550").size() - 1;
    else if (end == words.npos || words.find("-header ") == words.npos)
        end = has_value;
    words.resize(end + 1);
    std::ranges::replace_if(
        words, [](char c) { return c == '*' || c == '?' || c == '['; }, '?');
    return "like " + words + "*";
}

} // namespace

recorder::recorder(record_masks masks, std::string heading, uses by)
    : masks_(masks), masked_(masks.any()), by_(std::move(by)) {
    add(heading);
    add("mta connects");
}

recorder::~recorder() {
    if (due_ != 0 && !given_up_) add("# it had no answer to that");
    if (given_up_) text_.clear();
    by_.over(std::move(text_));
}

void recorder::add(std::string_view written) {
    if (given_up_) return;
    if (!by_.grow(static_cast<std::ptrdiff_t>(written.size() + 1))) return give_up();
    text_ += written;
    text_ += '\n';
}

void recorder::give_up() {
    given_up_ = true;
    by_.grow(-static_cast<std::ptrdiff_t>(text_.size()));
    text_ = {};
    behind_.clear();
}

void recorder::said(wire::frame const& by_mta) {
    if (given_up_) return;
    auto const what = wire::decode_command(by_mta);
    if (!what) return add(std::string("# broken packet ") + by_mta.code);
    auto const plain = values_have_blank() ? wire::without_leading_space(*what) : *what;
    line one{by_mta.code, "mta " + wire::whole_words_of(masked_ ? masks_(plain) : plain)};
    // Nobody waits for an answer behind these.
    bool const ends = one.code == wire::abort::code || one.code == wire::quit::code;
    if (due_ != 0 && !ends) {
        // Not counted before they are written: few, of an MTA that does not wait.
        if (behind_.size() == 1000) return give_up();
        behind_.push_back(std::move(one));
        return;
    }
    if (due_ != 0) {
        add("# it had no answer to that");
        due_ = 0;
        for (auto& late : std::exchange(behind_, {}))
            add(late.text);
    }
    write(std::move(one));
}

void recorder::write(line one) {
    add(one.text);
    if (wire::is_answered(agreed_, one.code)) due_ = one.code;
}

// The record has them without, whatever was agreed: who plays it may agree on something else.
bool recorder::values_have_blank() const {
    return agreed_.has(wire::step::leading_space);
}

void recorder::told(std::string_view to_mta) {
    while (!given_up_ && !to_mta.empty()) {
        auto const packet = wire::take_frame(to_mta);
        if (!packet) return give_up();
        write_expected(*packet);
    }
}

void recorder::write_expected(wire::frame const& packet) {
    auto const reply = wire::decode_reply(packet);
    if (!reply || due_ == 0 || std::holds_alternative<wire::progress>(*reply)) return;
    bool const at_end = due_ == wire::end_of_message::code;
    auto words = wire::words_of(values_have_blank() ? wire::without_leading_space(*reply) : *reply);
    // What goes without saying in a script.
    bool const usual = words == "continue" || (words == "skip" && due_ == wire::body::code);
    if (auto const* const agreed = std::get_if<wire::negotiated>(&*reply))
        agreed_ = agreed->steps;
    else if (at_end || !usual)
        add("expect " + (masked_ ? pattern_of(std::move(words)) : words));
    if (!is_answer(*reply)) return;
    due_ = 0;
    while (due_ == 0 && !behind_.empty()) {
        auto next = std::move(behind_.front());
        behind_.pop_front();
        write(std::move(next));
    }
}

} // namespace milter::proxy
