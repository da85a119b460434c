// The content: the whole message to one child after the other, as the earlier ones have left it.
#include "oracle/native_chain.hpp"

#include <utility>

namespace milter::oracle {

namespace {

std::string without_blank(std::string value) {
    if (value.starts_with(' ')) value.erase(0, 1);
    return value;
}

} // namespace

told chain::content(mta_event const& what) {
    char const at = what.code;
    if (!std::exchange(in_content_, true)) end_of_headers_ = {};
    if (at == 'L') {
        auto const cut = what.payload.find('\0');
        auto value = what.payload.substr(cut + 1, what.payload.size() - cut - 2);
        mail_.receive(what.payload.substr(0, cut), leading_space_ ? value : " " + without_blank(value));
    }
    if (at == 'N') end_of_headers_ = what;
    if (at == 'B' || at == 'E') body_ += what.payload; // chain P28
    if (at != 'L') headers_over_ = true;
    if (at != 'E') return {"c"};
    mail_.receive_body(body_);
    auto verdict = finish(what);
    forget_content();
    return verdict;
}

void chain::forget_content() {
    in_content_ = headers_over_ = mail_open_ = data_told_ = false;
    mail_ = mail_model(case_.sendmail());
    body_.clear();
    for (auto& one : children_) {
        one.told = one.done = false;
        one.edits.clear();
    }
}

// The content for one child as the message is now, without its end.
std::vector<packet> chain::content_for(child const& one, bool with_body, bool whole) {
    std::vector<packet> all;
    bool const raw = (one.steps & leading_space_bit) != 0;
    for (auto const& [name, value] : mail_.show())
        if (one.wants('L')) all.push_back({'L', name + '\0' + (raw ? value : without_blank(value)) + '\0'});
    if (!headers_over_) return all;
    if (one.wants('N')) { // D N only with its command (protocol 5.2)
        if (auto const macros = macros_given(case_, *one.plan, end_of_headers_, agreed_.macros))
            all.push_back({'D', *macros});
        all.push_back({'N', ""});
    }
    auto const& body = whole ? mail_.body() : body_;
    for (std::size_t i = 0; with_body && one.wants('B') && i < body.size(); i += case_.chunk_size)
        all.push_back({'B', body.substr(i, case_.chunk_size)});
    return all;
}

// The content to one child, until it has said its last word: "c" means that it has not.
chain::opinion chain::feed(child& one, std::vector<packet> const& all, std::vector<std::string>& fed) {
    bool skips = false;
    for (auto const& piece : all) {
        if (piece.code == 'B' && skips) continue;
        fed.push_back(piece.text());
        auto mine = hear(one, piece.code, one.actor.hears(piece));
        if (mine.reply == "s") skips = true;
        if (mine.lost) return fallback_of(one, piece.code);
        if (mine.terminal() || mine.reply == "a") return mine;
    }
    return {};
}

told chain::finish(mta_event const& end) {
    for (std::size_t i = 0; i < children_.size(); ++i) {
        auto& one = children_[i];
        if (!one.left && (!one.done || one.failed)) {
            auto const mine = one.failed ? fallback_of(one, 'E') : content_to(i, end);
            one.done = true;
            if (mine.terminal()) {
                fed_early(i);
                settle(mine.reply);
                return {mine.reply};
            }
        }
        if (one.failed && one.plan->fallback == 'q') quarantine_for(one);
        if (!one.failed) change(one, one.edits); // DEV chain P41: of a failed one they do not count
    }
    result_.mta.push_back({mail_.whole()});
    return {"c"};
}

chain::opinion chain::content_to(std::size_t i, mta_event const& end) {
    auto& one = children_[i];
    std::vector<std::string> fed;
    bool const too_late = time_is_up_; // then it gets what goes out at once
    auto mine = feed(one, content_for(one, true, true), fed);
    if (!fed.empty()) one.after_data = false;
    if (too_late) {
        if (!one.failed) {
            if (auto const macros = macros_given(case_, *one.plan, end, agreed_.macros))
                fed.push_back('D' + *macros);
            fed.emplace_back("E");
            one.failed = true;
        }
        result_.traces[i].push_back({expected::kind::cut_short, std::move(fed), expected::abort::never});
        return fallback_of(one, 'E');
    }
    for (auto& text : fed)
        result_.traces[i].push_back({expected::kind::packet, {std::move(text)}});
    if (mine.lost || mine.terminal() || mine.reply == "a") return mine;
    tell_macros(i, end);
    mine = hear(one, 'E', tell(i, {'E', ""}));
    if (mine.lost) return fallback_of(one, 'E');
    bool undeclared = false;
    for (auto const& one_edit : mine.edits)
        undeclared |= one_edit.code == 'b' && !one.may_change_body(case_.offers);
    if (undeclared && !mine.terminal()) mine.reply = "t"; // chain P40
    one.edits.insert(one.edits.end(), mine.edits.begin(), mine.edits.end());
    return mine;
}

// V.3: behind the child that refuses, others may have been fed what it could not have changed.
void chain::fed_early(std::size_t by) {
    bool const headers = children_[by].may_change_headers(case_.offers);
    bool const body = children_[by].may_change_body(case_.offers);
    for (auto i = by + 1; i < children_.size(); ++i) {
        auto& one = children_[i];
        if (!one.here() || one.done || headers || !one.plan->fed_early) continue;
        fed_in_vain(i, content_for(one, !body, true), expected::abort::if_told);
    }
}

void chain::fed_in_vain(std::size_t i, std::vector<packet> const& all, expected::abort aborted) {
    auto& one = children_[i];
    expected more{expected::kind::fed_in_vain, {}, aborted, one.told, false};
    auto trial = one; // what it says counts for nothing
    auto const mine = feed(trial, all, more.packets);
    more.finishes = mine.lost || mine.terminal() || mine.reply == "a";
    one.actor.hears({'A', ""});
    one.after_data = false;
    one.done = true;
    result_.traces[i].push_back(std::move(more));
}

// The MTA does not end the content: nobody can say how far each child has got.
void chain::leave_content(char next) {
    auto const aborted = next == 'Q' ? expected::abort::maybe : expected::abort::if_told;
    for (std::size_t i = 0; i < children_.size(); ++i) {
        auto& one = children_[i];
        if (!one.here() || one.done) continue;
        fed_in_vain(i, content_for(one, true, false), aborted);
    }
    forget_content();
}

void chain::change(child const& by, std::vector<packet> const& edits) {
    std::vector<packet> allowed;
    bool replaced = false;
    for (auto const& one : edits)
        if (auto const may = permitted(one, *by.plan, case_.offers)) {
            replaced = replaced || one.code == 'b';
            allowed.push_back(*may);
        }
    apply_edits(mail_, allowed, (by.steps & leading_space_bit) != 0);
    if (replaced) mail_.replace_body(with_line_ends(mail_.body()));
}

// The fallback of a child that is lost (chain P50), in its place among the edits of the others.
void chain::quarantine_for(child const& lost) {
    constexpr std::uint32_t quarantine = 0x20;
    if ((case_.offers.actions & quarantine) != 0) mail_.note("q " + lost.plan->name + " has failed");
}

std::string chain::with_line_ends(std::string const& body) const { // chain P31
    std::string text;
    for (char const c : body) {
        if (c == '\n' && !text.ends_with('\r')) text += '\r';
        text += c;
    }
    if (!case_.sendmail() && !text.empty() && !text.ends_with("\r\n")) text += "\r\n";
    return text;
}

} // namespace milter::oracle
