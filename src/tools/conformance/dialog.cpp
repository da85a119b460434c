#include "tools/conformance/dialog.hpp"

#include "wire/asking.hpp"
#include "wire/smtp_reply.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

namespace milter::tools::conformance {

namespace {

constexpr std::size_t largest_reply = 64 * 1024 * 1024; // bytes
constexpr std::size_t shown_of_packet = 120;
constexpr std::chrono::microseconds between_bytes(200);

std::string words_of(char code, std::string_view payload) {
    auto words = wire::words_of_reply({code, payload});
    if (words.size() > shown_of_packet) words.resize(shown_of_packet);
    return words;
}

bool is_of_session(char code) {
    return code == wire::connect::code || code == wire::helo::code;
}

// The order of a plan; unknown comes where the plan has it.
std::size_t place_of(char code) {
    return std::string_view("CHMRUTLNBE").find(code);
}

} // namespace

dialog::dialog(boost::asio::io_context& context, settings const& told, findings& found)
    : context_(context), told_(told), found_(found),
      line_(std::make_shared<io::line>(context, *this, largest_reply)) {}

dialog::~dialog() {
    line_->close();
}

void dialog::on_frame(io::line&, wire::frame const& came) {
    arrived_.push_back({came.code, std::string(came.payload)});
}

void dialog::on_lost(io::line&, io::lost why, std::string const& detail) {
    bool const alone = why == io::lost::no_connection; // it says what it is
    lost_ = alone            ? detail
            : detail.empty() ? std::string(io::describe(why))
                             : fmt::format("{}: {}", io::describe(why), detail);
    if (why == io::lost::cut || why == io::lost::garbage)
        found_.broken("replies-decode", fmt::format("{}: {}", where(last_said_), lost_));
}

// False when the time is over.
template <class Done>
bool dialog::wait(time_limit const& limit, Done const& done) {
    bool late = false;
    boost::asio::steady_timer timer(context_);
    if (limit) {
        timer.expires_after(*limit);
        timer.async_wait([&late](boost::system::error_code failed) { late = late || !failed; });
    }
    context_.restart();
    while (!done() && !late && context_.run_one() > 0)
        ;
    timer.cancel();
    context_.poll(); // the timer's handler looks at this frame
    return done();
}

bool dialog::connect() {
    line_->connect(told_.where);
    bool const in_time = wait(told_.connection_timeout, [this] { return connected_ || !lost_.empty(); });
    if (connected_) return true;
    trouble_ = in_time ? "Failed to connect to " + lost_ : "connecting takes too long";
    return false;
}

bool dialog::offer(wire::negotiate const& what) {
    std::string bytes;
    wire::encode(bytes, what);
    send(bytes, delivery::packets);
    offered_ = what.actions;
    bool const in_time = wait(told_.reading_timeout, [this] { return !arrived_.empty() || !lost_.empty(); });
    if (arrived_.empty()) {
        refused_ = in_time;
        trouble_ = in_time ? "the milter " + lost_ : std::string("no answer in time");
        return false;
    }
    agreed_text_ = std::move(arrived_.front().payload);
    auto const code = arrived_.front().code;
    arrived_.pop_front();
    auto const reply = wire::decode_reply({code, agreed_text_});
    if (reply && std::holds_alternative<wire::negotiated>(*reply)) {
        agreed_ = std::get<wire::negotiated>(*reply);
        return true;
    }
    trouble_ = fmt::format("{} in place of an agreement", words_of(code, agreed_text_));
    return false;
}

std::string dialog::where(char code) const {
    return fmt::format("at `{}`, command {} of the connection", wire::command_name(code), said_);
}

void dialog::send(std::string_view bytes, delivery how) {
    if (how != delivery::single_bytes) {
        line_->send(bytes);
        return line_->flush();
    }
    for (auto const& one : bytes) {
        line_->send({&one, 1});
        line_->flush();
        std::this_thread::sleep_for(between_bytes); // else the milter reads many at once
    }
}

// Of earlier commands, that have their answers.
void dialog::drop_unasked() {
    context_.restart();
    context_.poll();
    found_.seen("nothing-unasked");
    for (auto const& one : arrived_)
        found_.broken("nothing-unasked",
                      fmt::format("{}: then came {}", where(last_said_), words_of(one.code, one.payload)));
    arrived_.clear();
}

ending dialog::message(settings const& what, char last, delivery how) {
    test_server::plan plan(what, {agreed_.version, agreed_.actions, agreed_.steps, {}});
    if (in_session_) {
        plan.leave_out(wire::connect::code);
        plan.leave_out(wire::helo::code);
    }
    in_session_ = true;
    if (how == delivery::one_write) return all_at_once(plan);
    bool has_recipient = false;
    while (!plan.at_end()) {
        auto const now = plan.next();
        if (place_of(now.code) > place_of(last)) return ending::reached;
        switch (say(plan, now, how)) {
        case step::failed:
            return ending::failed;
        case step::decided:
            if (now.code == wire::rcpt::code && (has_recipient || plan.more_recipients())) break;
            if (now.code == last || now.code == wire::end_of_message::code) return ending::reached;
            if (is_of_session(now.code)) return ending::session_over;
            return ending::decided;
        case step::skip:
            plan.leave_out(wire::body::code);
            break;
        case step::go_on:
            has_recipient = has_recipient || now.code == wire::rcpt::code;
            break;
        }
    }
    return ending::reached;
}

dialog::step dialog::say(test_server::plan const& from, test_server::planned const& one, delivery how) {
    drop_unasked();
    std::string bytes;
    from.encode(bytes, one);
    ++said_;
    last_said_ = one.code;
    send(bytes, how);
    if (!one.answered) {
        found_.seen("nothing-unasked");
        return step::go_on;
    }
    return answer(one.code);
}

// The session's packets one by one, because they may end it; the rest together.
ending dialog::all_at_once(test_server::plan& from) {
    std::string bytes;
    std::string answered;
    while (!from.at_end()) {
        auto const now = from.next();
        if (is_of_session(now.code)) {
            auto const done = say(from, now, delivery::packets);
            if (done != step::go_on) return done == step::failed ? ending::failed : ending::session_over;
            continue;
        }
        from.encode(bytes, now);
        if (now.answered) answered += now.code;
    }
    drop_unasked();
    send(bytes, delivery::one_write);
    for (char const code : answered) {
        ++said_;
        last_said_ = code;
        auto const done = answer(code);
        if (done == step::failed) return ending::failed;
        if (done == step::decided && code != wire::end_of_message::code) return ending::decided;
    }
    return ending::reached;
}

ending dialog::unknown(std::string_view text) {
    drop_unasked();
    std::string bytes;
    wire::encode(bytes, wire::unknown{text});
    ++said_;
    last_said_ = wire::unknown::code;
    send(bytes, delivery::packets);
    if (!wire::is_answered(agreed_.steps, wire::unknown::code)) return ending::reached;
    return answer(wire::unknown::code) == step::failed ? ending::failed : ending::reached;
}

void dialog::tell(wire::command const& what) {
    std::string bytes;
    wire::encode(bytes, what);
    ++said_;
    last_said_ = bytes.at(4);
    send(bytes, delivery::packets);
}

void dialog::new_session() {
    tell(wire::quit_new_connection{});
    in_session_ = false;
}

void dialog::hang_up() {
    std::string bytes;
    wire::encode(bytes, wire::helo{told_.helo});
    send(std::string_view(bytes).substr(0, bytes.size() / 2), delivery::packets);
    line_->close();
}

bool dialog::quit() {
    drop_unasked();
    tell(wire::quit{});
    bool const closed = wait(told_.reading_timeout, [this] { return !lost_.empty(); });
    drop_unasked();
    if (!closed) trouble_ = "the milter does not close " + where(last_said_);
    return closed;
}

// The changes and the decision that answer a command, each judged.
dialog::step dialog::answer(char code) {
    found_.seen("one-reply");
    auto const& limit =
        code == wire::end_of_message::code ? told_.end_of_message_timeout : told_.reading_timeout;
    for (;;) {
        bool const in_time = wait(limit, [this] { return !arrived_.empty() || !lost_.empty(); });
        if (arrived_.empty()) {
            trouble_ = fmt::format("{}: {}", where(code),
                                   in_time ? "the milter " + lost_ : std::string("no answer in time"));
            return step::failed;
        }
        auto const came = std::move(arrived_.front());
        arrived_.pop_front();
        auto const reply = wire::decode_reply({came.code, came.payload});
        found_.seen("replies-decode");
        if (!reply) {
            trouble_ = fmt::format("{}: {}: {}", where(code), wire::describe(reply.error()),
                                   words_of(came.code, came.payload));
            found_.broken("replies-decode", trouble_);
            return step::failed;
        }
        if (std::holds_alternative<wire::progress>(*reply)) {
            found_.seen("progress");
            if (code != wire::end_of_message::code) found_.broken("progress", where(code) + ": progress");
        } else if (std::holds_alternative<wire::negotiated>(*reply)) {
            found_.broken("nothing-unasked", where(code) + ": another agreement");
        } else if (auto const* const text = std::get_if<wire::reply_code>(&*reply)) {
            found_.seen("decisions");
            found_.seen("reply-text");
            if (auto const fine = wire::smtp_reply::parse(text->text); !fine)
                found_.broken("reply-text", fmt::format("{}: {}: {}", where(code), describe(fine.error()),
                                                        words_of(came.code, came.payload)));
            decision_ =
                fmt::format("{} at `{}`", words_of(came.code, came.payload), wire::command_name(code));
            return step::decided;
        } else if (auto const* const what = std::get_if<wire::decision>(&*reply)) {
            return judge_decision(code, *what);
        } else {
            judge_edit(code, came);
        }
    }
}

void dialog::judge_edit(char code, packet const& came) {
    auto const text = fmt::format("{}: {}", where(code), words_of(came.code, came.payload));
    found_.seen("edits-at-end");
    found_.seen("edits-agreed");
    if (code != wire::end_of_message::code) found_.broken("edits-at-end", text);
    auto const needed = wire::needed_for(came.code);
    if (auto const may = agreed_.actions & offered_; needed && !may.has(*needed))
        found_.broken("edits-agreed",
                      fmt::format("{}; agreed is {}", text, may.empty() ? "nothing" : wire::names(may)));
}

// Protocol 7.
dialog::step dialog::judge_decision(char code, wire::decision what) {
    using wire::answer;
    auto const text = fmt::format("{}: {}", where(code), wire::answer_name(what.what));
    decision_ = fmt::format("{} at `{}`", wire::answer_name(what.what), wire::command_name(code));
    found_.seen("decisions");
    if (what.what == answer::skip) {
        found_.seen("skip");
        if (code != wire::body::code)
            found_.broken("skip", text);
        else if (!agreed_.steps.has(wire::step::skip))
            found_.broken("skip", text + ", which was not agreed");
        return code == wire::body::code ? step::skip : step::go_on;
    }
    bool const no_message = is_of_session(code) && what.what == answer::discard;
    bool const ends_unknown =
        code == wire::unknown::code && (what.what == answer::accept || what.what == answer::discard);
    if (no_message || ends_unknown || what.what == answer::shutdown || what.what == answer::conn_fail)
        found_.broken("decisions", text);
    return what.what == answer::go_on ? step::go_on : step::decided;
}

} // namespace milter::tools::conformance
