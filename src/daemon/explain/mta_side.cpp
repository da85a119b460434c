#include "daemon/explain/mta_side.hpp"

#include "core/network.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <variant>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

namespace milter::daemon::explain {

namespace {

constexpr std::size_t largest_answer = 64 * 1024 * 1024;
constexpr std::size_t piece_size = 65'535;     // of a body (protocol 1)
constexpr std::time_t patience_seconds = 3600; // the session's own deadlines pass long before

std::string in_brackets(std::string const& address) {
    return address.starts_with('<') ? address : "<" + address + ">";
}

std::string without_brackets(std::string const& address) {
    auto const whole = in_brackets(address);
    return whole.substr(1, whole.size() - 2);
}

answer answer_of(wire::answer what) {
    switch (what) {
    case wire::answer::go_on:
        return {"pass", {}};
    case wire::answer::skip:
        return {"skip", {}};
    case wire::answer::conn_fail:
        return {"error", {}};
    case wire::answer::shutdown:
        return {"shutdown", {}};
    default:
        return {std::string(wire::answer_name(what)), {}};
    }
}

// A header's value, without the blank that the agreement may have put in front.
std::string_view shown(std::string_view value) {
    return value.starts_with(' ') ? value.substr(1) : value;
}

std::string text_of(wire::reply const& edit) {
    if (auto const* const one = std::get_if<wire::add_header>(&edit))
        return fmt::format("add-header {}: {}", one->name, shown(one->value));
    if (auto const* const one = std::get_if<wire::insert_header>(&edit))
        return fmt::format("insert-header {} {}: {}", one->index, one->name, shown(one->value));
    if (auto const* const one = std::get_if<wire::change_header>(&edit))
        return one->value.empty()
                   ? fmt::format("delete-header {}[{}]", one->name, one->index)
                   : fmt::format("change-header {}[{}]: {}", one->name, one->index, shown(one->value));
    if (auto const* const one = std::get_if<wire::add_recipient>(&edit))
        return fmt::format("add-recipient {}", one->address);
    if (auto const* const one = std::get_if<wire::add_recipient_with_args>(&edit))
        return fmt::format("add-recipient {} {}", one->address, one->arguments.value_or(""));
    if (auto const* const one = std::get_if<wire::delete_recipient>(&edit))
        return fmt::format("delete-recipient {}", one->address);
    if (auto const* const one = std::get_if<wire::change_sender>(&edit))
        return fmt::format("change-sender {} {}", one->address, one->arguments.value_or(""));
    if (auto const* const one = std::get_if<wire::quarantine>(&edit))
        return fmt::format("quarantine {}", one->reason);
    return {};
}

} // namespace

mta_side::mta_side(int descriptor, core::mta_kind kind)
    : descriptor_(descriptor), kind_(kind), reader_(largest_answer) {
    timeval const limit{patience_seconds, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

mta_side::~mta_side() {
    ::close(descriptor_);
}

void mta_side::fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
}

void mta_side::talk(request const& what, mail const& all) {
    negotiate();
    if (!error_.empty()) return;
    if (open_session(what)) {
        if (envelope(what)) content(all);
        if (last_.is_final() && at_ != core::stage::end_of_message) send(wire::abort{});
    }
    send(wire::quit{});
    if (replaces_body_) edits_.push_back(fmt::format("replace-body {} bytes", new_body_));
}

void mta_side::hang_up() {
    ::shutdown(descriptor_, SHUT_RDWR);
}

bool mta_side::open_session(request const& what) {
    bool const sendmail = kind_ == core::mta_kind::sendmail;
    auto const unknown = sendmail ? "[" + what.client + "]" : "unknown";
    auto const& host = what.client_name.empty() ? unknown : what.client_name;
    auto const helo =
        what.helo.empty() ? (what.client_name.empty() ? "[" + what.client + "]" : host) : what.helo;
    bool const v6 = core::parse_address(what.client)->v6;
    macros const known{{"j", "localhost"},
                       {"{daemon_name}", "explain"},
                       {"v", sendmail ? "8.17.1" : "Postfix 3.7"},
                       {"{client_addr}", what.client},
                       {"{client_name}", host},
                       {"_", fmt::format("{} [{}]", host, what.client)}};
    return ask(core::stage::connect, wire::connect{host, v6 ? '6' : '4', 25, what.client}, known) &&
           ask(core::stage::helo, wire::helo{helo});
}

bool mta_side::envelope(request const& what) {
    auto const from = in_brackets(what.from);
    if (!ask(core::stage::mail, wire::mail{from, {}},
             {{"i", "explain"}, {"{mail_addr}", without_brackets(from)}}))
        return false;
    bool any = false;
    answer refusal;
    for (auto const& one : what.to) {
        auto const to = in_brackets(one);
        last_ = {"pass", {}};
        bool const goes_on =
            ask(core::stage::rcpt, wire::rcpt{to, {}}, {{"{rcpt_addr}", without_brackets(to)}});
        if (!error_.empty()) return false;
        recipients_.push_back(fmt::format("{}: {}{}", to, goes_on ? "accepted" : last_.said,
                                          last_.text.empty() ? "" : " \"" + last_.text + "\""));
        any |= goes_on;
        if (!goes_on) refusal = last_;
        if (last_.said == "accept" || last_.said == "discard" || last_.said == "shutdown") return false;
    }
    if (any)
        last_ = {"pass", {}};
    else
        last_ = refusal;
    return any && ask(core::stage::data, wire::data{});
}

bool mta_side::content(mail const& content) {
    bool const blank = agreed_.has(wire::step::leading_space);
    for (auto const& [name, value] : content.headers)
        if (auto const shown = blank ? " " + value : value;
            !ask(core::stage::header, wire::header{name, shown}))
            return false;
    if (!ask(core::stage::end_of_headers, wire::end_of_headers{})) return false;
    for (std::string_view rest = content.body; !rest.empty();
         rest.remove_prefix(std::min(rest.size(), piece_size))) {
        if (!ask(core::stage::body, wire::body{rest.substr(0, piece_size)})) return false;
        if (last_.said == "skip") break;
    }
    return ask(core::stage::end_of_message, wire::end_of_message{}, {{"i", "explain"}});
}

bool mta_side::send(wire::command const& what) {
    std::string bytes;
    wire::encode(bytes, what);
    std::string_view rest = bytes;
    while (!rest.empty()) {
        auto const sent = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            rest.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno != EINTR) {
            fail(fmt::format("the session was closed: {}", std::strerror(errno)));
            return false;
        }
    }
    return true;
}

bool mta_side::receive(wire::frame& into) {
    while (true) {
        auto const next = reader_.next();
        if (!next) {
            fail(std::string(wire::describe(next.error())));
            return false;
        }
        if (*next) {
            into = **next;
            return true;
        }
        auto const space = reader_.space(4096);
        auto const got = ::recv(descriptor_, space.data(), space.size(), 0);
        if (got > 0) {
            reader_.filled(static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
            fail(fmt::format("no answer at {}", core::name_of(at_)));
            return false;
        }
    }
}

void mta_side::negotiate() {
    wire::frame packet;
    if (!send(wire::negotiate{wire::newest_version, wire::all_actions,
                              wire::steps_of_version(wire::newest_version)}) ||
        !receive(packet))
        return;
    auto const reply = wire::decode_reply(packet);
    auto const* const agreed = reply ? std::get_if<wire::negotiated>(&*reply) : nullptr;
    if (!agreed) return fail("the negotiation failed");
    agreed_ = agreed->steps;
}

bool mta_side::ask(core::stage at, wire::command const& what, macros const& with) {
    at_ = at;
    if (!with.empty()) {
        std::string pairs;
        for (auto const& [name, value] : with) {
            wire::append_string(pairs, name);
            wire::append_string(pairs, value);
        }
        if (!send(wire::macros{core::code_of(at), wire::strings(pairs)})) return false;
    }
    if (auto const never = core::opt_out_of(at); !never.empty() && agreed_.has_all(never)) return true;
    if (!send(what)) return false;
    if (auto const silent = core::silence_of(at); !silent.empty() && agreed_.has_all(silent)) return true;
    wire::frame packet;
    while (receive(packet)) {
        auto const reply = wire::decode_reply(packet);
        if (!reply) {
            fail(std::string(wire::describe(reply.error())));
            return false;
        }
        if (auto const* const said = std::get_if<wire::decision>(&*reply)) {
            last_ = answer_of(said->what);
            return !last_.is_final();
        }
        if (auto const* const code = std::get_if<wire::reply_code>(&*reply)) {
            last_ = {code->text.starts_with('4') ? "temporary-failure" : "reject", std::string(code->text)};
            return false;
        }
        note_edit(packet);
    }
    return false;
}

void mta_side::note_edit(wire::frame const& packet) {
    auto const edit = wire::decode_reply(packet);
    if (auto const* const piece = std::get_if<wire::replace_body>(&*edit)) {
        replaces_body_ = true;
        new_body_ += piece->bytes.size();
    } else if (auto text = text_of(*edit); !text.empty()) {
        edits_.push_back(std::move(text));
    }
}

} // namespace milter::daemon::explain
