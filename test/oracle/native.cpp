#include "oracle/native.hpp"

#include "oracle/edits.hpp"
#include "oracle/mail_model.hpp"

#include "wire/command.hpp"

namespace milter::oracle {

namespace {

bool among(char code, std::string_view letters) {
    return letters.find(code) != std::string_view::npos;
}

// What a child says to one command, as the chain takes it.
struct opinion {
    std::string reply = "c"; // as a packet; "c" also for whoever does not answer
    bool lost = false;       // it has failed instead
    std::vector<packet> edits;
    bool terminal() const { return among(reply[0], "rtdy"); }
};

// chain P20: a text that every MTA takes goes as it is, another becomes r or t by its first digit.
std::string as_mta_takes_it(std::string text) {
    while (!text.empty() && text.back() == '\0')
        text.pop_back();
    bool valid = text.size() > 4 && (text[0] == '4' || text[0] == '5');
    for (std::size_t i = 0; valid && i < text.size(); ++i)
        if (text[i] == '%' && (++i == text.size() || text[i] != '%')) valid = false;
    if (valid && (text[4] == '4' || text[4] == '5') && text[4] != text[0]) valid = false;
    if (valid) return "y" + text + '\0';
    return text.starts_with('5') ? "r" : "t";
}

std::string without_blank(std::string value) {
    if (value.starts_with(' ')) value.erase(0, 1);
    return value;
}

class chain {
public:
    chain(session_case const& of, std::uint32_t agreed_steps)
        : case_(of), leading_space_((agreed_steps & leading_space_bit) != 0), mail_(of.sendmail) {
        for (auto const& plan : of.children)
            children_.push_back({&plan, child_actor(plan), agreed_steps_of(plan)});
        result_.traces.resize(of.children.size());
        for (std::size_t i = 0; i < children_.size(); ++i)
            open(i);
    }

    // What the MTA is told; nothing for commands that are never answered.
    std::optional<told> take(mta_event const& what) {
        char const code = what.code;
        if (!among(code, "LNBE") && in_content_) leave_content(code);
        if (among(code, "QZ")) return leave(code == 'Z'), std::nullopt;
        if (code == 'K') return begin_again(), std::nullopt;
        if (code == 'A') return abort_message(), std::nullopt;
        if (!refused_.empty()) return told{refused_, false, true};
        if (code == 'H' || code == 'M') abort_message(); // chain P24
        if (among(code, "LNBE")) return content(what);
        if (!decided_.empty() && code != 'U') return told{decided_, false, true}; // chain P18, P19
        return ask_all(what);
    }
    native_run& result() { return result_; }

private:
    struct child {
        child_plan const* plan;
        child_actor actor;
        std::uint32_t steps;
        bool left = false;
        bool failed = false;
        bool told = false;          // in the message
        bool done = false;          // with it
        bool after_data = false;    // it was told that last, perhaps in an earlier message (protocol 6.2)
        std::string says_late = {}; // to connect or helo, told again at this message
        bool here() const { return !left && !failed; }
        bool wants(char code) const { return opt_out_bit(code) == 0 || (steps & opt_out_bit(code)) == 0; }
        bool may(std::uint32_t action, offer const& by_mta) const {
            return (plan->answers.actions & by_mta.actions & action) != 0;
        }
        bool may_change_headers(offer const& by_mta) const { return may(0x11, by_mta); }
        bool may_change_body(offer const& by_mta) const { return may(0x2, by_mta); }
    };

    std::uint32_t agreed_steps_of(child_plan const& plan) const { return agreed_steps(plan, case_.mta); }

    void note(std::size_t i, packet const& sent) {
        result_.traces[i].push_back({expected::kind::packet, {sent.text()}});
    }
    answer tell(std::size_t i, packet const& sent) {
        note(i, sent);
        if (sent.code != 'D') children_[i].after_data = sent.code == 'T';
        return children_[i].actor.hears(sent);
    }
    void open(std::size_t i) {
        std::string bytes;
        wire::encode(bytes, wire::negotiate{case_.mta.version, wire::actions(case_.mta.actions),
                                            wire::steps(case_.mta.steps)});
        constexpr std::size_t length = 4;
        tell(i, {'O', bytes.substr(length + 1)});
    }
    void quit(std::size_t i) {
        if (!children_[i].here()) return;
        note(i, {'Q', ""});
        children_[i].left = true;
    }
    void abort(std::size_t i) {
        auto& one = children_[i];
        if (one.here() && one.told && !one.done) tell(i, {'A', ""});
        one.told = one.done = false;
    }
    void abort_message() {
        for (std::size_t i = 0; i < children_.size(); ++i)
            abort(i);
        decided_.clear();
        mail_ = mail_model(case_.sendmail);
        body_.clear();
        in_content_ = mail_open_ = data_told_ = headers_over_ = false;
    }
    void leave(bool without_a_word) {
        if (without_a_word) abort_message(); // chain P46; with a quit only that
        for (std::size_t i = 0; i < children_.size(); ++i)
            quit(i);
    }
    void begin_again() { // chain P47
        abort_message();
        for (std::size_t i = 0; i < children_.size(); ++i) {
            quit(i);
            children_[i] = {children_[i].plan, child_actor(*children_[i].plan), children_[i].steps};
            open(i);
        }
        refused_.clear();
        connect_ = helo_ = {};
    }

    opinion hear(child& one, char at, answer const& said) {
        opinion mine;
        for (auto const& reply : said.replies) {
            if (reply.code == 'p') continue; // chain P42
            if (at == 'E' && among(reply.code, "himb+2-eq")) {
                mine.edits.push_back(reply);
                continue;
            }
            if (!among(reply.code, "cartdys4")) return one.failed = mine.lost = true, mine; // chain P25, P42
            mine.reply = reply.text();
            if (reply.code == 'y') mine.reply = as_mta_takes_it(reply.payload);
            if (reply.code == '4') // DEV chain P25
                mine.reply = std::string("y421 4.7.0 Service unavailable, closing connection") + '\0';
            if (reply.code == 's' && at != 'B') mine.reply = "c"; // chain P29
            return mine;
        }
        if (said.closes) one.failed = mine.lost = true;
        return mine;
    }
    // DEV chain P50: a failed child's fallback speaks for it, at once and at every later event.
    static opinion fallback_of(child const& one, char at) {
        opinion mine{std::string(1, one.plan->fallback == 'a' ? 'c' : one.plan->fallback), true, {}};
        if (mine.reply == "d" && among(at, "CHU")) mine.reply = "c"; // takes effect at the next mail
        return mine;
    }
    packet macros_of(mta_event const& what) const { return {'D', what.code + what.macros}; }

    bool may_hear_unknown(child const& one) const { // chain P22
        if (!one.wants('U')) return false;
        if (!in_message()) return true;
        return !data_told_ && !one.after_data && (one.steps & opt_out_bit('T')) == 0 &&
               case_.mta.version >= 4;
    }
    bool in_message() const { return mail_open_; }

    opinion ask(std::size_t i, mta_event const& what) {
        auto& one = children_[i];
        if (one.failed) return fallback_of(one, what.code);
        if (what.code == 'U' && !may_hear_unknown(one)) return {};
        if (!what.macros.empty()) tell(i, macros_of(what)); // chain P21a
        if (!one.wants(what.code)) return {};
        if (what.code == 'M') one.told = true;
        auto const mine = hear(one, what.code, tell(i, {what.code, what.payload}));
        if (mine.reply != "c") one.after_data = false;
        return mine.lost ? fallback_of(one, what.code) : mine;
    }

    // One new try at each message (DEV chain P51).
    void try_again(std::size_t i) {
        auto& one = children_[i];
        one = {one.plan, child_actor(*one.plan), one.steps};
        open(i);
        for (auto const* const event : {&connect_, &helo_}) {
            if (event->code == 0) continue;
            if (!event->macros.empty()) tell(i, macros_of(*event));
            if (!one.wants(event->code)) continue;
            auto const mine = hear(one, event->code, tell(i, {event->code, event->payload}));
            if (mine.lost) return;
            if (mine.terminal() && mine.reply != "d") one.says_late = mine.reply;
            if (mine.reply != "a" && one.says_late.empty()) continue;
            return quit(i);
        }
    }

    told ask_all(mta_event const& what) {
        char const at = what.code;
        if (at == 'C') connect_ = what;
        if (at == 'H') helo_ = what;
        if (at == 'M') mail_open_ = true;
        for (std::size_t i = 0; at == 'M' && case_.retries && i < children_.size(); ++i)
            if (children_[i].failed) try_again(i);
        if (at == 'T') data_told_ = true;
        for (std::size_t i = 0; i < children_.size(); ++i) {
            auto& one = children_[i];
            if (auto const late = std::exchange(one.says_late, {}); !late.empty() && at == 'M')
                return refuse(i, what, {late, false, {}}, true);
            if (one.left || (one.done && !one.failed)) continue;
            auto mine = ask(i, what);
            if (mine.reply == "d" && among(at, "CHU")) mine.reply = "c"; // chain P15, P22
            if (mine.reply == "a") accept(i, at);
            if (mine.terminal()) return refuse(i, what, mine);
        }
        return {"c", at != 'U' && nobody_wants_more()};
    }
    void accept(std::size_t i, char at) { // chain P14
        if (among(at, "CH")) return quit(i);
        if (at != 'U') children_[i].done = true;
        if (at == 'U' && in_message()) children_[i].done = true; // it leaves the message (chain P22)
    }
    bool nobody_wants_more() const {
        for (auto const& one : children_)
            if (one.here() && !one.done) return false;
        return true;
    }

    told refuse(std::size_t by, mta_event const& what, opinion const& mine, bool late = false) {
        char const at = what.code;
        bool const hangs_up = mine.reply.starts_with("y421");
        if (among(at, "CH")) {
            if (!case_.exact) asked_in_parallel(by, what);
            for (std::size_t i = 0; i < children_.size(); ++i)
                quit(i); // chain P15
            refused_ = mine.reply;
        } else if (at != 'U' && (at != 'R' || mine.reply == "d" || hangs_up)) { // chain P17
            bool const still_in_it = at == 'R' && hangs_up;
            if (!still_in_it) children_[by].done = true;
            settle(mine.reply);
        }
        return {mine.reply, false, late};
    }
    void settle(std::string const& reply) { // chain P16, P18, P30
        for (std::size_t i = 0; i < children_.size(); ++i) {
            abort(i);
            children_[i].done = true;
        }
        decided_ = reply;
    }
    // V.2: in default mode the later ones have been asked, or not.
    void asked_in_parallel(std::size_t by, mta_event const& what) {
        for (auto i = by + 1; i < children_.size(); ++i) {
            auto one = children_[i]; // its answer counts for nothing
            if (!one.here()) continue;
            expected more{expected::kind::asked_in_parallel, {}};
            if (!what.macros.empty()) more.packets.push_back(macros_of(what).text());
            if (one.wants(what.code)) {
                more.packets.push_back(what.code + what.payload);
                if (!what.macros.empty()) one.actor.hears(macros_of(what));
                if (hear(one, what.code, one.actor.hears({what.code, what.payload})).lost)
                    more.what = expected::kind::fails_in_parallel;
            }
            result_.traces[i].push_back(std::move(more));
        }
    }

    told content(mta_event const& what) {
        char const at = what.code;
        if (!in_content_) {
            in_content_ = true;
            end_of_headers_macros_.clear();
        }
        if (at == 'L') {
            auto const cut = what.payload.find('\0');
            auto value = what.payload.substr(cut + 1, what.payload.size() - cut - 2);
            mail_.receive(what.payload.substr(0, cut), leading_space_ ? value : " " + without_blank(value));
        }
        if (at == 'N') end_of_headers_macros_ = what.macros, headers_over_ = true;
        if (at == 'B' || at == 'E') body_ += what.payload; // chain P28
        if (at == 'B' || at == 'E') headers_over_ = true;
        if (at != 'E') return {"c"};
        mail_.receive_body(body_);
        auto verdict = finish(what);
        forget_content();
        return verdict;
    }
    void forget_content() {
        in_content_ = headers_over_ = mail_open_ = data_told_ = false;
        mail_ = mail_model(case_.sendmail);
        body_.clear();
        for (auto& one : children_)
            one.told = one.done = false;
    }

    // The content for one child as the message is now, without its end.
    std::vector<packet> content_for(child const& one, bool with_body, bool whole) {
        std::vector<packet> all;
        for (auto const& [name, value] : mail_.show())
            if (one.wants('L'))
                all.push_back(
                    {'L', name + '\0' +
                              ((one.steps & leading_space_bit) != 0 ? value : without_blank(value)) + '\0'});
        if (!headers_over_) return all;
        if (one.wants('N')) { // D N only with its command (protocol 5.2)
            if (!end_of_headers_macros_.empty()) all.push_back({'D', "N" + end_of_headers_macros_});
            all.push_back({'N', ""});
        }
        auto const& body = whole ? mail_.body() : body_;
        for (std::size_t i = 0; with_body && one.wants('B') && i < body.size(); i += case_.chunk_size)
            all.push_back({'B', body.substr(i, case_.chunk_size)});
        return all;
    }

    // The content to one child, until it has said its last word: "c" means that it has not.
    opinion feed(child& one, std::vector<packet> const& all, std::vector<std::string>& fed) {
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

    told finish(mta_event const& end) {
        for (std::size_t i = 0; i < children_.size(); ++i) {
            auto& one = children_[i];
            if (one.left || (one.done && !one.failed)) continue;
            auto const mine = one.failed ? fallback_of(one, 'E') : content_to(i, end);
            one.done = true;
            if (!mine.terminal()) continue;
            if (!case_.exact) fed_early(i);
            settle(mine.reply);
            return {mine.reply};
        }
        result_.mta.push_back({mail_.whole()});
        return {"c"};
    }
    opinion content_to(std::size_t i, mta_event const& end) {
        auto& one = children_[i];
        std::vector<std::string> fed;
        auto mine = feed(one, content_for(one, true, true), fed);
        if (!fed.empty()) one.after_data = false;
        for (auto& text : fed)
            result_.traces[i].push_back({expected::kind::packet, {std::move(text)}});
        if (mine.lost || mine.terminal() || mine.reply == "a") return mine;
        if (!end.macros.empty()) tell(i, macros_of(end));
        mine = hear(one, 'E', tell(i, {'E', ""}));
        if (mine.lost) return fallback_of(one, 'E'); // DEV chain P41: its edits do not count
        bool undeclared = false;
        for (auto const& one_edit : mine.edits)
            undeclared |= one_edit.code == 'b' && !one.may_change_body(case_.mta);
        if (undeclared && !mine.terminal()) mine.reply = "t"; // chain P40
        if (!mine.terminal()) change(one, mine.edits);
        return mine;
    }
    // V.3: behind the child that refuses, others may have been fed what it could not have changed.
    void fed_early(std::size_t by) {
        bool const headers = children_[by].may_change_headers(case_.mta);
        bool const body = children_[by].may_change_body(case_.mta);
        for (auto i = by + 1; i < children_.size(); ++i) {
            auto& one = children_[i];
            if (!one.here() || one.done || headers) continue;
            fed_in_vain(i, content_for(one, !body, true), expected::abort::if_told);
        }
    }
    void fed_in_vain(std::size_t i, std::vector<packet> const& all, expected::abort aborted) {
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
    void leave_content(char next) {
        auto const aborted = next == 'Q' ? expected::abort::maybe : expected::abort::if_told;
        for (std::size_t i = 0; i < children_.size(); ++i) {
            auto& one = children_[i];
            if (!one.here() || one.done) continue;
            fed_in_vain(i, content_for(one, true, false), aborted);
        }
        forget_content();
    }

    void change(child const& by, std::vector<packet> const& edits) {
        std::vector<packet> allowed;
        bool replaced = false;
        for (auto const& one : edits)
            if (auto const may = permitted(one, *by.plan, case_.mta)) {
                replaced = replaced || one.code == 'b';
                allowed.push_back(*may);
            }
        apply_edits(mail_, allowed, (by.steps & leading_space_bit) != 0);
        if (replaced) mail_.replace_body(with_line_ends(mail_.body()));
    }
    std::string with_line_ends(std::string const& body) const { // chain P31
        std::string text;
        for (char const c : body) {
            if (c == '\n' && !text.ends_with('\r')) text += '\r';
            text += c;
        }
        if (!case_.sendmail && !text.empty() && !text.ends_with("\r\n")) text += "\r\n";
        return text;
    }

    session_case const& case_;
    bool leading_space_;
    std::vector<child> children_;
    native_run result_;
    mail_model mail_;
    std::string body_;
    std::string end_of_headers_macros_;
    mta_event connect_, helo_;
    std::string refused_; // the session is
    std::string decided_; // the message is
    bool mail_open_ = false;
    bool data_told_ = false;
    bool in_content_ = false;
    bool headers_over_ = false;
};

} // namespace

native_run run_natively(session_case const& with_all, std::uint32_t agreed_steps) {
    auto of = with_all;
    std::erase_if(of.children, [](child_plan const& one) { return one.evaluated; });
    chain natively(of, agreed_steps);
    mta_actor mta(of, agreed_steps);
    auto& result = natively.result();
    while (auto const* const said = mta.next()) {
        auto const reply = natively.take(*said);
        if (!reply) continue;
        bool const in_content = among(said->code, "LNB");
        if (!mta.waits()) {
            if (among(reply->reply[0], "rtdy") && !in_content && !reply->remembered)
                result.mta.push_back({"a refusal that nobody waits for"});
            continue;
        }
        mta.heard({reply->reply[0], reply->reply.substr(1)});
        if (!in_content || !reply->reply.starts_with('c')) result.mta.push_back(*reply);
    }
    return std::move(result);
}

} // namespace milter::oracle
