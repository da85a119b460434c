#include "tools/script/player.hpp"

#include "tools/script/compare.hpp"
#include "wire/asking.hpp"
#include "wire/command.hpp"
#include "wire/leading_space.hpp"
#include "wire/reply.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace milter::tools::script {

namespace {

constexpr std::size_t max_reply = 64 * 1024 * 1024;
constexpr std::size_t shown_of_line = 100;

bool expects_closing(step const& of) {
    return !of.expected.empty() && of.expected.back().is == expectation::how::closed;
}

bool expects_answer(step const& of) {
    return !of.expected.empty() && of.expected.front().is != expectation::how::closed;
}

// Where an MTA may go on when a message has ended early.
bool begins_anew(step const& what) {
    constexpr std::size_t letter = 5; // of the command that the macros are for
    if (what.what == step::kind::connects || what.what == step::kind::closes) return true;
    if (what.code == wire::macros::code)
        return what.packets.size() > letter && what.packets[letter] == wire::mail::code;
    return std::string_view("MAQKO").find(what.code) != std::string_view::npos && what.code != 0;
}

// Of a whole packet with one header field.
std::string with_leading_space(std::string_view packet) {
    constexpr std::size_t head = 5;
    auto const what = wire::decode_command({packet[4], packet.substr(head)});
    std::string out;
    if (auto const* const field = what ? std::get_if<wire::header>(&*what) : nullptr)
        wire::encode(out, wire::header{field->name, " " + std::string(field->value)});
    return out;
}

std::string_view cut(std::string_view words) {
    return words.substr(0, shown_of_line);
}

} // namespace

class player::peer final : public io::line_user {
public:
    peer(player& of, std::string called)
        : name(std::move(called)), owner(of),
          line(std::make_shared<io::line>(of.context_, *this, max_reply)) {}
    ~peer() { line->close(); }

    void on_connected(io::line&) override { owner.on_connected(*this); }
    void on_frame(io::line&, wire::frame const& packet) override { owner.on_frame(*this, packet); }
    void on_lost(io::line&, io::lost why, std::string const& detail) override {
        owner.on_lost(*this, why, detail);
    }

    std::string name;
    player& owner;
    std::shared_ptr<io::line> line;
    bool connected = false;
    bool negotiated = false;
    bool quit = false; // it may close
    std::string lost;  // why there is nobody any more
    wire::steps agreed;
    std::set<char> skipped; // of this message
    std::string rest;       // of a packet of which half is sent
    char rest_of = 0;
};

player::player(boost::asio::io_context& context, screenplay const& what, wire::endpoint where, limits allowed,
               std::function<void()> over, manner how)
    : context_(context), what_(what), where_(std::move(where)), allowed_(allowed), over_(std::move(over)),
      how_(std::move(how)), deadlines_(context, [this](io::deadlines::key which) { on_deadline(which); }) {}

player::~player() {
    deadlines_.stop();
}

// Not entered again by what happens inside: that only has it go on here.
void player::go_on() {
    again_ = true;
    if (std::exchange(going_, true)) return;
    while (!ended_ && at_ < what_.steps.size() && std::exchange(again_, false))
        if (perform(now())) {
            ++at_;
            again_ = true;
        }
    going_ = false;
    if (!ended_ && at_ == what_.steps.size()) finish();
}

// True when the step is done at once.
bool player::perform(step const& now) {
    if (now.what == step::kind::pause) {
        deadlines_.arm(pausing, now.time);
        return false;
    }
    auto const found = peers_.find(now.who);
    if (now.what == step::kind::connects || found == peers_.end()) {
        connect(now.who);
        return false;
    }
    return perform_on(*found->second, now);
}

bool player::perform_on(peer& who, step const& now) {
    if (now.what == step::kind::closes) {
        who.line->flush();
        former_.push_back(std::move(peers_.extract(who.name).mapped()));
        former_.back()->line->close();
        return true;
    }
    if (!who.lost.empty()) {
        fail(outcome::kind::no_talk, now.line, fmt::format("`{}`: the milter {}", cut(now.words), who.lost));
        return false;
    }
    if (now.what == step::kind::rest) {
        who.line->send(std::exchange(who.rest, ""));
        return wait(who, std::exchange(who.rest_of, '\0'));
    }
    if (!who.negotiated && !now.as_it_is && now.code != wire::negotiate::code) {
        implied_ = true;
        wire::encode(who.line->queue(),
                     wire::negotiate{wire::newest_version, wire::all_actions, wire::all_steps});
        wait(who, wire::negotiate::code);
        return false;
    }
    return say(who, now);
}

bool player::say(peer& who, step const& now) {
    bool const wanted =
        now.as_it_is || (wire::is_wanted(who.agreed, now.code) && !who.skipped.contains(now.code));
    if (!wanted) {
        if (now.expected.empty()) return true;
        differs(
            who, now.expected.front().line,
            fmt::format("`{}` is not sent and has no answer: the milter does not want it", cut(now.words)));
        return false;
    }
    if (now.code == wire::mail::code || now.code == wire::abort::code) who.skipped.clear();
    if (now.code == wire::quit::code) who.quit = true;
    if (now.what == step::kind::half) {
        auto const half = now.packets.size() / 2;
        who.line->send(std::string_view(now.packets).substr(0, half));
        who.line->flush();
        who.rest = now.packets.substr(half);
        who.rest_of = now.code;
        return true;
    }
    if (now.code == wire::header::code && has_other_blanks(who))
        who.line->send(with_leading_space(now.packets));
    else
        who.line->send(now.packets);
    return wait(who, now.code);
}

// Sends what is queued; true when no answer is due.
bool player::wait(peer& who, char code) {
    auto const& step = now();
    bool const due = wire::is_answered(who.agreed, code) && !(step.as_it_is && step.expected.empty());
    if (!implied_ && !due && expects_answer(step) && !step.as_it_is) {
        differs(who, step.expected.front().line,
                fmt::format("`{}` has no answer: so it was negotiated", cut(step.words)));
        return false;
    }
    bool const closing = !implied_ && expects_closing(step) && !expects_answer(step);
    if (!implied_ && !due && step.expected.empty()) {
        who.line->flush();
        return true;
    }
    asked_ = std::chrono::steady_clock::now();
    awaited_ = &who;
    awaited_for_ = closing ? '\0' : code;
    auto const& time = code == wire::end_of_message::code ? allowed_.end_of_message : allowed_.reply;
    if (time) deadlines_.arm(replying, *time);
    who.line->flush();
    return false;
}

bool player::has_other_blanks(peer const& who) const {
    return how_.is_record && who.agreed.has(wire::step::leading_space);
}

void player::connect(std::string const& name) {
    if (auto old = peers_.extract(name)) {
        former_.push_back(std::move(old.mapped()));
        former_.back()->line->close();
    }
    auto& who = *(peers_[name] = std::make_unique<peer>(*this, name));
    if (allowed_.connecting) deadlines_.arm(connecting, *allowed_.connecting);
    who.line->connect(where_);
}

void player::on_connected(peer& who) {
    deadlines_.disarm(connecting);
    who.connected = true;
    if (now().what == step::kind::connects) {
        if (expects_closing(now())) {
            wait(who, '\0');
            return;
        }
        ++at_;
    }
    go_on();
}

void player::on_frame(peer& who, wire::frame const& packet) {
    if (ended_) return;
    auto reply = wire::decode_reply(packet);
    if (reply && has_other_blanks(who)) reply = wire::without_leading_space(*reply);
    auto const words = reply ? wire::words_of(*reply) : wire::words_of_reply(packet);
    auto const line = at_ < what_.steps.size() ? now().line : what_.steps.back().line;
    if (awaited_ != &who || (awaited_for_ == 0 && !expects_answer(now()))) {
        fail(outcome::kind::no_talk, line, fmt::format("nobody waits for this of the milter: {}", words));
    } else if (!reply) {
        fail(outcome::kind::no_talk, line,
             fmt::format("at `{}`: {}: {}", cut(now().words), wire::describe(reply.error()), words));
    } else if (std::holds_alternative<wire::progress>(*reply)) {
        if (std::ranges::find(now().expected, "progress", &expectation::text) != now().expected.end())
            came_.push_back(words);
        if (awaited_for_ != wire::end_of_message::code && allowed_.reply)
            deadlines_.arm(replying, *allowed_.reply);
    } else if (std::holds_alternative<wire::decision>(*reply) ||
               std::holds_alternative<wire::reply_code>(*reply) ||
               std::holds_alternative<wire::negotiated>(*reply)) {
        final_answer(who, *reply, words);
    } else if (awaited_for_ != wire::end_of_message::code && packet.code != wire::quarantine::code) {
        fail(outcome::kind::no_talk, line, fmt::format("a change before the end of the message: {}", words));
    } else {
        came_.push_back(words);
    }
}

void player::final_answer(peer& who, wire::reply const& reply, std::string const& words) {
    deadlines_.disarm(replying);
    ++outcome_.answers;
    outcome_.timings.emplace_back(
        awaited_for_, std::chrono::duration<double>(std::chrono::steady_clock::now() - asked_).count());
    came_.push_back(words);
    bool const agrees = std::holds_alternative<wire::negotiated>(reply);
    if (agrees != (awaited_for_ == wire::negotiate::code)) {
        fail(outcome::kind::no_talk, now().line,
             fmt::format("no answer to `{}`: {}", implied_ ? "offer" : cut(now().words), words));
        return;
    }
    if (agrees) {
        who.agreed = std::get<wire::negotiated>(reply).steps;
        who.negotiated = true;
    } else if (auto const* const one = std::get_if<wire::decision>(&reply);
               one && one->what == wire::answer::skip) {
        who.skipped.insert(awaited_for_);
    }
    if (awaited_for_ == wire::end_of_message::code) who.skipped.clear();
    if (std::exchange(implied_, false)) {
        came_.clear();
        awaited_ = nullptr;
        go_on();
        return;
    }
    judge(who, words);
}

// Without `expect`, only what lets the mail go on is right.
void player::judge(peer& who, std::string const& last) {
    auto const& step = now();
    auto const came = std::exchange(came_, {});
    if (!step.expected.empty()) {
        auto const lines = disagreement(step.expected, came, how_.ignored);
        outcome_.compared += step.expected.size();
        if (!lines.empty()) {
            bool const of_recipient = step.code == wire::rcpt::code && last != "accept" && last != "discard";
            return differs(
                who, step.expected.front().line,
                fmt::format("the answer to `{}` is another (- expected, + came):{}", cut(step.words), lines),
                of_recipient);
        }
        if (expects_closing(step)) {
            awaited_for_ = 0;
            if (!who.lost.empty()) return done(who);
            if (allowed_.reply) deadlines_.arm(replying, *allowed_.reply);
            return;
        }
    } else if (bool const at_end = awaited_for_ == wire::end_of_message::code;
               last != "continue" && last != "skip" && !(at_end && last == "accept") &&
               awaited_for_ != wire::negotiate::code) {
        bool const of_recipient = step.code == wire::rcpt::code && last != "accept" && last != "discard";
        return differs(who, step.line,
                       fmt::format("the answer to `{}` is not continue, and no `expect` names it: {}",
                                   cut(step.words), last),
                       of_recipient);
    }
    done(who);
}

void player::done(peer&) {
    deadlines_.disarm(replying);
    awaited_ = nullptr;
    ++at_;
    go_on();
}

void player::on_lost(peer& who, io::lost why, std::string const& detail) {
    if (ended_) return;
    who.lost =
        detail.empty() ? std::string(io::describe(why)) : fmt::format("{}: {}", io::describe(why), detail);
    if (!who.connected) {
        fail(outcome::kind::no_talk, now().line, "Failed to connect to " + detail);
    } else if (awaited_ == &who) {
        if (awaited_for_ == 0 && expects_closing(now())) {
            ++outcome_.compared;
            done(who);
            return;
        }
        fail(outcome::kind::no_talk, now().line,
             fmt::format("connection lost at `{}`: the milter {}", implied_ ? "offer" : cut(now().words),
                         who.lost));
    }
}

void player::on_deadline(io::deadlines::key which) {
    if (which == pausing) {
        ++at_;
        go_on();
        return;
    }
    auto const what = which == connecting ? "connecting takes too long"
                      : awaited_for_ == 0 ? "the milter does not close"
                                          : "no answer in time";
    fail(outcome::kind::no_talk, now().line,
         fmt::format("{} at `{}`", what, implied_ ? "offer" : cut(now().words)));
}

void player::fail(outcome::kind is, std::size_t line, std::string const& text) {
    if (ended_) return;
    outcome_.is = is;
    complain(line, text);
    finish();
}

void player::complain(std::size_t line, std::string const& text) {
    if (!outcome_.complaint.empty()) outcome_.complaint += '\n';
    outcome_.complaint += fmt::format("{}:{}: {}", what_.name, line, text);
}

// As an MTA goes on with a session: what else was said about this message does not matter any more.
void player::differs(peer& who, std::size_t line, std::string const& text, bool message_goes_on) {
    auto const code = now().code;
    if (!how_.is_record || code == wire::connect::code || code == wire::helo::code)
        return fail(outcome::kind::otherwise, line, text);
    if (ended_) return;
    outcome_.is = outcome::kind::otherwise;
    complain(line, text);
    deadlines_.disarm(replying);
    awaited_ = nullptr;
    came_.clear();
    ++at_;
    if (!message_goes_on) {
        while (at_ < what_.steps.size() && !begins_anew(now()))
            ++at_;
        bool const aborts = at_ < what_.steps.size() && now().code == wire::abort::code;
        if (code != wire::end_of_message::code && !aborts) {
            wire::encode(who.line->queue(), wire::abort{});
            who.skipped.clear();
        }
    }
    go_on();
}

void player::finish() {
    ended_ = true;
    deadlines_.stop();
    for (auto const& [name, who] : peers_) {
        if (who->connected && who->lost.empty() && !who->quit && who->rest.empty())
            wire::encode(who->line->queue(), wire::quit{});
        who->line->flush();
        who->line->close();
    }
    over_();
}

} // namespace milter::tools::script
