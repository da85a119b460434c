#include "tools/test_server/conversation.hpp"

#include "tools/console.hpp"
#include "wire/asking.hpp"
#include "wire/smtp_reply.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace milter::tools::test_server {

namespace {

constexpr std::size_t max_reply = 64 * 1024 * 1024; // protocol 1: some send a whole body in one packet
constexpr std::size_t most_unsent = 1024 * 1024;

// The letters of the stages in the order of wire::macro_stage.
constexpr std::string_view stage_letters = "CHMRTEN";

wire::actions offered_actions(std::uint32_t version) {
    return version >= 6 ? wire::all_actions : wire::actions(0x3F); // protocol 2.3
}

std::vector<std::string> names_in(std::string_view list) {
    std::vector<std::string> names;
    for (std::size_t at = 0; (at = list.find_first_not_of(" ,{}", at)) != std::string_view::npos;) {
        auto const end = std::min(list.find_first_of(" ,{}", at), list.size());
        names.emplace_back(list.substr(at, end - at));
        at = end;
    }
    return names;
}

bool is_refusal(std::string_view status) {
    return status == "reject" || status == "temporary-failure";
}

} // namespace

conversation::conversation(boost::asio::io_context& context, settings const& told, std::function<void()> over)
    : told_(told), over_(std::move(over)), line_(std::make_shared<io::line>(context, *this, max_reply)),
      deadlines_(context, [this](io::deadlines::key which) { on_deadline(which); }) {
    result_.mail = told.mail;
}

conversation::~conversation() {
    line_->close();
    deadlines_.stop();
}

void conversation::begin() {
    began_ = std::chrono::steady_clock::now();
    arm(connecting, told_.connection_timeout);
    line_->connect(told_.where);
}

void conversation::on_connected(io::line&) {
    deadlines_.disarm(connecting);
    wire::encode(line_->queue(), wire::negotiate{told_.version, offered_actions(told_.version),
                                                 wire::steps_of_version(told_.version)});
    wait_for_reply(wire::negotiate::code);
}

void conversation::on_frame(io::line&, wire::frame const& packet) {
    if (ending_) return;
    if (told_.verbose) note(fmt::format("<- {}", wire::reply_name(packet.code)));
    auto const reply = wire::decode_reply(packet);
    if (!reply) {
        bool const unknown = reply.error() == wire::error::unknown_code;
        failed(fmt::format("Decode error at {}: {}{}", stage(),
                           unknown ? "unexpected reply was received: " : wire::describe(reply.error()),
                           unknown ? std::string(1, packet.code) : ""));
        return;
    }
    if (auto const* const agreed = std::get_if<wire::negotiated>(&*reply)) {
        if (waiting_for_ == wire::negotiate::code)
            on_negotiated(*agreed);
        else
            failed(fmt::format("Protocol error at {}: a negotiation was received", stage()));
    } else if (waiting_for_ == wire::negotiate::code) {
        failed(fmt::format("Protocol error at negotiate: {} was received", wire::reply_name(packet.code)));
    } else if (std::holds_alternative<wire::progress>(*reply)) {
        if (waiting_for_ != 0 && waiting_for_ != wire::end_of_message::code)
            arm(reading, told_.reading_timeout);
    } else if (auto const* const one = std::get_if<wire::decision>(&*reply)) {
        on_answer(one->what);
    } else if (auto const* const words = std::get_if<wire::reply_code>(&*reply)) {
        on_reply_code(words->text);
    } else {
        on_edit(*reply, packet.code);
    }
}

// The next command leaves only when all that came with the last reply has been seen: a packet too many is
// noticed.
void conversation::on_frames_done(io::line&) {
    if (waiting_for_ == 0 && !stalled_) go_on();
}

void conversation::on_negotiated(wire::negotiated reply) {
    if (reply.version > told_.version) {
        failed(fmt::format("unsupported newer version is requested at negotiate: {} < {}", told_.version,
                           reply.version));
        return;
    }
    auto const offered = offered_actions(told_.version);
    if (!offered.has_all(reply.actions))
        note(fmt::format("negotiate: actions that were not offered: {}",
                         wire::names(reply.actions - offered)));
    agreed_.version = reply.version;
    agreed_.actions = reply.actions & offered;
    agreed_.steps = reply.steps;
    while (auto const list = reply.next())
        if (list->stage < stage_letters.size())
            agreed_.macro_lists[stage_letters[list->stage]] = names_in(list->names);
    plan_.emplace(told_, agreed_);
    count_time(std::exchange(waiting_for_, '\0'));
    deadlines_.disarm(reading);
}

void conversation::on_answer(wire::answer what) {
    switch (what) {
    case wire::answer::go_on:
        return on_decision("pass", "");
    case wire::answer::accept:
        return on_decision("accept", "");
    case wire::answer::reject:
        return on_decision("reject", "");
    case wire::answer::temp_fail:
        return on_decision("temporary-failure", "");
    case wire::answer::discard:
        return on_decision("discard", "");
    case wire::answer::skip:
        return on_decision("skip", "");
    case wire::answer::shutdown:
        return on_decision("abort", "");
    case wire::answer::conn_fail:
        return on_decision("error", "");
    }
}

void conversation::on_reply_code(std::string_view text) {
    bool const known = text.size() >= 3 && (text.front() == '4' || text.front() == '5');
    if (!known) {
        failed(fmt::format("Protocol error at {}: a reply code that is neither 4xx nor 5xx: <{}>", stage(),
                           text));
        return;
    }
    if (auto const valid = wire::smtp_reply::parse(text); !valid)
        note(fmt::format("{}: {}: <{}>", stage(), wire::describe(valid.error()), text));
    on_decision(text.front() == '5' ? "reject" : "temporary-failure", text);
}

void conversation::on_decision(std::string_view status, std::string_view reply) {
    if (waiting_for_ == 0) {
        if (status == "pass")
            note(fmt::format("{}: a continue that nobody waits for", stage()));
        else
            failed(fmt::format("Protocol error at {}: a decision out of turn: {}", stage(), status));
        return;
    }
    char const step = std::exchange(waiting_for_, '\0');
    count_time(step);
    deadlines_.disarm(reading);
    deadlines_.disarm(end_of_message);
    if (step == wire::end_of_message::code) {
        bool const held = status == "pass" && result_.mail.quarantine_reason;
        answered(held ? "quarantine" : status, reply, true);
    } else if (status == "skip") {
        plan_->leave_out(step == wire::header::code || step == wire::body::code ? step : '\0');
    } else if (step == wire::rcpt::code && is_refusal(status)) {
        // tools A.2: only this recipient; the last answer counts when none is left.
        auto& all = result_.mail.recipients;
        all[recipient_].is = recipient::fate::removed;
        bool const none_left =
            std::ranges::all_of(all, [](auto const& one) { return one.is == recipient::fate::removed; });
        if (none_left && !plan_->more_recipients()) answered(status, reply, false);
    } else if (status != "pass" && !(step == wire::unknown::code && is_refusal(status))) {
        answered(status, reply, false);
    }
}

void conversation::on_edit(wire::reply const& edit, char code) {
    auto const what = wire::reply_name(code);
    // protocol 20.7: a quarantine is tolerated anywhere.
    if (waiting_for_ != wire::end_of_message::code && code != wire::quarantine::code) {
        failed(fmt::format("Protocol error at {}: {} before the end of the message", stage(), what));
        return;
    }
    if (auto const action = wire::needed_for(code); action && !agreed_.actions.has(*action))
        note(fmt::format("{}: {} was not negotiated", stage(), what));
    result_.mail.apply(edit, agreed_.steps.has(wire::step::leading_space));
}

void conversation::go_on() {
    while (!ending_ && plan_ && !plan_->at_end()) {
        if (line_->unsent() > most_unsent) {
            stalled_ = true;
            return;
        }
        auto const step = plan_->next();
        plan_->encode(line_->queue(), step);
        recipient_ = step.index;
        last_sent_ = step.code;
        if (told_.verbose) note(fmt::format("-> {}", wire::command_name(step.code)));
        if (step.answered) {
            wait_for_reply(step.code);
            return;
        }
        write();
    }
}

void conversation::wait_for_reply(char code) {
    if (waiting_for_ == 0) asked_ = std::chrono::steady_clock::now();
    waiting_for_ = last_sent_ = code;
    write();
    bool const at_end = code == wire::end_of_message::code;
    if (!line_->waiting_to_write())
        arm(at_end ? end_of_message : reading, at_end ? told_.end_of_message_timeout : told_.reading_timeout);
}

void conversation::count_time(char code) {
    result_.timings.emplace_back(
        code, std::chrono::duration<double>(std::chrono::steady_clock::now() - asked_).count());
}

void conversation::write() {
    line_->flush();
    if (line_->waiting_to_write()) arm(writing, told_.writing_timeout);
}

void conversation::on_drained(io::line&) {
    deadlines_.disarm(writing);
    if (ending_) {
        close();
    } else if (waiting_for_ != 0) {
        wait_for_reply(waiting_for_);
    } else if (std::exchange(stalled_, false)) {
        go_on();
    }
}

void conversation::on_lost(io::line&, io::lost why, std::string const& detail) {
    if (ending_) {
        close();
    } else if (why == io::lost::no_connection) {
        failed("Failed to connect to " + detail);
    } else {
        failed(fmt::format("connection lost at {}: the milter {}{}{}", stage(), io::describe(why),
                           detail.empty() ? "" : ": ", detail));
    }
}

void conversation::on_deadline(io::deadlines::key which) {
    if (ending_)
        close();
    else if (which == connecting)
        failed(fmt::format("connection timeout at connecting to {}", told_.where.text()));
    else
        failed(fmt::format("{} timeout at {}",
                           which == reading   ? "reading"
                           : which == writing ? "writing"
                                              : "end-of-message",
                           stage()));
}

void conversation::arm(deadline which, time_limit const& limit) {
    if (limit) deadlines_.arm(which, *limit);
}

// tools A.2: an early end is told with an abort.
void conversation::answered(std::string_view status, std::string_view reply, bool at_end) {
    result_.status = status;
    result_.reply = reply;
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    ending_ = true;
    if (!at_end) wire::encode(line_->queue(), wire::abort{});
    wire::encode(line_->queue(), wire::quit{});
    write();
    if (!line_->waiting_to_write()) close();
}

void conversation::failed(std::string text) {
    result_.failure = std::move(text);
    ending_ = true;
    close();
}

void conversation::close() {
    deadlines_.stop();
    line_->close();
    if (!std::exchange(over_told_, true)) over_();
}

std::string_view conversation::stage() const {
    return wire::command_name(waiting_for_ != 0 ? waiting_for_ : last_sent_);
}

void conversation::note(std::string const& text) const {
    print_error("[{}] {}\n", told_.name, text);
}

} // namespace milter::tools::test_server
